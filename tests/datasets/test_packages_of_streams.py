"""Hugging Face's datasets and webdataset, where they are installed."""

import io
import tarfile

import numpy as np
import pytest
import torch
from streams import rows
from torch.utils.data import DataLoader

from pyrovae.datasets import StreamSplit, as_split, keyed
from pyrovae.datasets.stream_epochs import StreamEpochs

X = rows(12)
CPU = torch.device("cpu")
# What these packages warn of at their own import is theirs.
pytestmark = pytest.mark.filterwarnings("default")


def in_epochs(split, **options):
    stream = StreamEpochs(split, steps=1, batch_size=12, **options)
    stream.seed = 0
    return stream


def hugging_face():
    datasets = pytest.importorskip("datasets")
    if not hasattr(datasets, "Dataset"):  # a folder of tests has that name, too
        pytest.skip("Hugging Face's datasets are not installed")
    return datasets


@pytest.fixture
def streamed():
    datasets = hugging_face()
    table = datasets.Dataset.from_dict({"image": X.tolist(), "label": list(range(12))})
    return table.to_iterable_dataset(num_shards=4).with_format("torch")


def test_hugging_face(streamed):
    for source in (
        keyed(streamed, "image", "label"),
        keyed(DataLoader(streamed), "image", "label"),
    ):
        split = as_split(source)
        x, label = split.take(12)
        assert torch.equal(x, X)
        assert label.tolist() == list(range(12))
        assert split.length is None


def test_a_table_of_hugging_face_has_numbers():
    datasets = hugging_face()
    table = datasets.Dataset.from_dict({"image": X.tolist()}).with_format("torch")
    split = as_split(keyed(table, "image"))
    assert len(split) == 12
    assert torch.equal(split.take(12)[0], X)


def test_hugging_face_shuffles_each_pass_anew(streamed):
    shuffled = keyed(streamed.shuffle(seed=1, buffer_size=12), "image")
    batches = in_epochs(as_split(shuffled)).shares(CPU)
    (first,), (second,) = next(batches), next(batches)
    assert not torch.equal(first, second)
    assert sorted(first.tolist()) == sorted(second.tolist()) == sorted(X.tolist())


def test_ranks_of_hugging_face(streamed):
    from datasets.distributed import split_dataset_by_node

    parts = [split_dataset_by_node(streamed, rank=r, world_size=2) for r in range(2)]
    splits = [StreamSplit(keyed(part, "image"), sharded=True) for part in parts]
    streams = [in_epochs(split, rank=r, size=2) for r, split in enumerate(splits)]
    found = torch.cat([next(stream.shares(CPU))[0] for stream in streams])
    assert sorted(found.tolist()) == sorted(X.tolist())


@pytest.fixture
def shards(tmp_path):
    """Two archives of six arrays each, as webdataset reads them."""
    for shard in range(2):
        with tarfile.open(tmp_path / f"{shard}.tar", "w") as archive:
            for i in range(6 * shard, 6 * shard + 6):
                content = io.BytesIO()
                np.save(content, X[i].numpy())
                entry = tarfile.TarInfo(f"{i:04}.x.npy")
                entry.size = content.tell()
                content.seek(0)
                archive.addfile(entry, content)
    return str(tmp_path / "{0..1}.tar")


def test_webdataset(shards):
    webdataset = pytest.importorskip("webdataset")
    stream = webdataset.WebDataset(shards, shardshuffle=False).decode()
    for source in (keyed(stream, "x.npy"), stream.to_tuple("x.npy")):
        split = as_split(source, fields=1)
        assert torch.equal(split.take(20)[0], X)
        assert split.length is None
    sized = stream.with_length(12)
    assert len(as_split(keyed(sized, "x.npy"))) == 12


def test_workers_of_webdataset(shards):
    webdataset = pytest.importorskip("webdataset")
    stream = webdataset.WebDataset(shards, shardshuffle=False).decode()
    split = as_split(keyed(DataLoader(stream, batch_size=4, num_workers=2), "x.npy"))
    assert sorted(split.take(20)[0].tolist()) == sorted(X.tolist())
