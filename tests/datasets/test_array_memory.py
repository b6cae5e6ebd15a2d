"""How much memory files take, and that large ones stay on the disk."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pyrovae.datasets import TensorSplit, load_data, split_tensors
from pyrovae.datasets.mapped_split import MappedSplit

MEASURE = """
import sys
from pyrovae.datasets import load_data

def memory(name):
    # Not getrusage, whose peak a process inherits from the one that started it.
    with open("/proc/self/status") as lines:
        (line,) = (line for line in lines if line.startswith(name))
    return 1024 * int(line.split()[1])

load_data(sys.argv[1], binarization=sys.argv[3])  # what reading takes once
before = memory("VmRSS")
data = load_data(sys.argv[2], binarization=sys.argv[3])
print(memory("VmHWM") - before)
"""


def save(path, array):
    np.save(path, array)
    return str(path)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_file_takes_its_own_size_and_a_part(tmp_path):
    # Static binarization needs most: words of random numbers beside the values.
    small = save(tmp_path / "small.npy", np.zeros((100, 100), np.float32))
    size = 2**28
    large = save(tmp_path / "large.npy", np.zeros((size // 4096, 1024), np.float32))
    taken = subprocess.run(
        [sys.executable, "-c", MEASURE, small, large, "static"],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": "", "OMP_NUM_THREADS": "1", "PYTHONPATH": ":".join(sys.path)},
    )
    # The data as 32-bit floats are as large as the file. Beyond them there are parts of 2**20
    # values, 4 MiB each, of which twenty and what the allocator holds back are a third of it.
    assert size <= int(taken.stdout) <= 4 / 3 * size


def limit(monkeypatch, size):
    monkeypatch.setattr("pyrovae.datasets.arrays.MEMORY_LIMIT", size)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["u1", "f4", "f8", ">i2", "?"])
@pytest.mark.parametrize("shape", [(40, 6), (40, 5, 4), (40, 5, 4, 3)])
def test_a_mapped_file_gives_the_same_data(tmp_path, monkeypatch, order, dtype, shape):
    array = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    path = save(tmp_path / "x.npy", np.asarray(array, order=order))
    small = load_data(path, data_seed=3)
    limit(monkeypatch, 4 * array.size - 1)
    large = load_data(path, data_seed=3)
    assert small.describe() == large.describe()
    for role in ("train", "validation", "test"):
        a, b = getattr(small, role), getattr(large, role)
        assert isinstance(a, TensorSplit)
        assert isinstance(b, MappedSplit)
        assert torch.equal(a.take(40)[0], b.take(40)[0])
        for split in (a, b):
            torch.manual_seed(1)
            split.order = torch.cat([x for (x,) in split.batches(7, shuffle=True)])
        assert torch.equal(a.order, b.order)


@pytest.mark.parametrize("binarization", ["threshold", "static", "dynamic"])
def test_protocols_of_mapped_files(tmp_path, monkeypatch, binarization):
    path = save(tmp_path / "x.npy", np.random.default_rng(0).random((40, 6), np.float32))
    small = load_data(path, binarization=binarization).train
    limit(monkeypatch, 100)
    large = load_data(path, binarization=binarization).train
    # Bits that are drawn once have to be kept.
    assert isinstance(large, TensorSplit if binarization == "static" else MappedSplit)
    values = []
    for split in (small, large):
        torch.manual_seed(2)
        values.append(split.take(32)[0])
    assert torch.equal(*values)
    assert set(values[0].unique().tolist()) == {0.0, 1.0}
    assert large.binarization == binarization


@pytest.mark.parametrize(
    ("array", "binarization", "message"),
    [
        (np.full((9, 3), np.nan), "none", "got 27 NaN and 0 infinite"),
        (np.full((9, 3), 2.0), "dynamic", "from 2 to 2"),
        (np.eye(9, dtype=np.uint8), "none", "zeros and ones"),
    ],
)
def test_mapped_files_are_looked_at_whole(tmp_path, monkeypatch, array, binarization, message):
    limit(monkeypatch, 10)
    with pytest.raises(ValueError, match=message):
        load_data(save(tmp_path / "x.npy", array), binarization=binarization)


@settings(max_examples=30, deadline=None)
@given(
    n=st.integers(1, 60),
    features=st.integers(1, 7),
    part=st.integers(1, 64),
    binarization=st.sampled_from(["none", "threshold", "static", "dynamic"]),
    dtype=st.sampled_from(["f4", "u1"]),
    seed=st.integers(0, 2**31),
)
def test_parts_do_not_show(tmp_path_factory, n, features, part, binarization, dtype, seed):
    # Data in parts of any size, from a file or a tensor, are those that are divided whole.
    x = (255 * np.random.default_rng(seed).random((n, features))).astype(dtype)
    x = x if dtype == "u1" else x / 255
    x.flat[0] = 1
    if dtype == "u1":
        x.flat[0] = 255
    whole = split_tensors(x, binarization=binarization, seed=seed, test=0.3)
    path = tmp_path_factory.mktemp("parts") / "x.npy"
    np.save(path, x)
    np.savez(path.with_suffix(".npz"), x=x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pyrovae.datasets.parts.PART", part)
        patch.setattr("pyrovae.datasets.numpy_files.PART", part)
        found = [
            split_tensors(x, binarization=binarization, seed=seed, test=0.3),
            *(
                load_data(str(p), binarization=binarization, data_seed=seed, test=0.3)
                for p in (path, path.with_suffix(".npz"))
            ),
        ]
    for data in found:
        for role in ("train", "validation", "test"):
            a, b = getattr(whole, role), getattr(data, role)
            assert (a is None) == (b is None)
            if a is not None:
                assert torch.equal(a.tensors[0], b.tensors[0])
