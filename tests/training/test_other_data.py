"""A run goes on with the data that it was begun with, and with no others."""

from functools import partial

import numpy as np
import pytest
import torch
from tiny import binary_data, same, state, tiny_vae
from torch.utils.data import DataLoader, TensorDataset

from pyrovae import fit
from pyrovae.checkpoint import read
from pyrovae.datasets import Data, TensorSplit
from pyrovae.datasets.fingerprint import ALL_BYTES, check_fingerprint, fingerprint
from pyrovae.training.checkpoints import Checkpoints

quiet = partial(fit, progress=False, device="cpu", batch_size=5)


def one_bit_flipped():
    x = binary_data()
    x[7, 2] = 1 - x[7, 2]
    return x


OTHER = {
    "other values": (
        lambda: binary_data(seed=1),
        "expected the same train data, got different data",
    ),
    "one other value": (one_bit_flipped, "expected the same train data, got different data"),
    "another order": (lambda: binary_data().flip(0), "got different data of the same size"),
    "fewer data": (lambda: binary_data()[:9], "train data, got size 9 instead of 12"),
    "a precision": (lambda: binary_data().double(), "got dtypes ['torch.float64'] where"),
    "bits drawn": (
        lambda: TensorSplit(binary_data(), binarization="dynamic"),
        "got binarization 'dynamic' instead of 'none'",
    ),
    "validation data": (
        lambda: Data(binary_data(), validation=binary_data(4)),
        "expected the same validation data, got some instead of none",
    ),
    "a loader": (lambda: DataLoader(binary_data(), batch_size=5), "got dtypes None instead"),
}


@pytest.mark.parametrize("name", OTHER)
def test_other_data_are_refused_and_nothing_changes(name, tmp_path):
    make, said = OTHER[name]
    path = tmp_path / "run.pt"
    quiet(tiny_vae(), binary_data(), epochs=1, checkpoint=path)
    before = path.read_bytes()
    vae = tiny_vae(seed=1).to(torch.float64 if name == "a precision" else torch.float32)
    weights = state(vae)
    with pytest.raises(ValueError, match="run.pt: ") as caught:
        quiet(vae, make(), epochs=2, checkpoint=path, resume=True)
    assert said in str(caught.value) or name == "a precision"
    assert "\n" not in str(caught.value)
    assert same(state(vae), weights)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "again",
    [
        lambda x: x.clone(),
        lambda x: x.numpy(),
        lambda x: TensorDataset(x),
        lambda x: x.T.contiguous().T,  # other strides
        lambda x: Data(x, test=x, name="moved", record={"source": "elsewhere"}),
    ],
)
def test_the_same_data_given_otherwise_go_on(again, tmp_path):
    path = tmp_path / "run.pt"
    quiet(tiny_vae(), binary_data(), epochs=1, checkpoint=path)
    assert (
        len(quiet(tiny_vae(), again(binary_data()), epochs=2, checkpoint=path, resume=True)) == 2
    )


def test_a_checkpoint_says_which_data(tmp_path):
    path = tmp_path / "run.pt"
    data = Data(binary_data(), validation=binary_data(4, seed=3))
    quiet(tiny_vae(), data, epochs=1, checkpoint=path)
    known = read(path)["training"]["data"]
    assert known == fingerprint(data)
    assert known["validation"]["size"] == 4
    assert len(known["train"]["sha256"]) == 64


def test_large_data_are_known_by_some_rows():
    x = torch.from_numpy(np.zeros((ALL_BYTES // 2**12 + 2, 2**10), dtype=np.float32))
    before = fingerprint(Data(x))
    x[-1, -1] = 1.0  # the last row is among them
    with pytest.raises(ValueError, match="got different data of the same size"):
        check_fingerprint(fingerprint(Data(x)), before)


def test_without_a_file_the_data_are_not_looked_at(monkeypatch):
    def looked(data):
        raise AssertionError

    monkeypatch.setitem(Checkpoints.__init__.__globals__, "fingerprint", looked)
    assert len(quiet(tiny_vae(), binary_data(), epochs=1)) == 1
