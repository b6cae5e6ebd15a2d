"""A file that training cannot go on from is refused, and the model stays as it was."""

from functools import partial

import pytest
import torch
from tiny import binary_data, same, state, tiny_vae

from pyrovae import fit, save

quiet = partial(fit, progress=False, device="cpu", batch_size=5)


def test_a_checkpoint_that_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.pt"):
        quiet(tiny_vae(), binary_data(), checkpoint=tmp_path / "nowhere.pt", resume=True)


@pytest.mark.parametrize(
    "content", [b"", b"no checkpoint at all", "dict", "tensor", "model"], ids=str
)
def test_a_file_that_is_no_checkpoint_of_training(content, tmp_path):
    path = tmp_path / "foreign.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "model":
        save(tiny_vae(), path)
    else:
        torch.save({"state_dict": {}} if content == "dict" else torch.zeros(3), path)
    vae = tiny_vae()
    before = state(vae)
    with pytest.raises(ValueError, match="foreign.pt"):
        quiet(vae, binary_data(), checkpoint=path, resume=True)
    assert same(state(vae), before)


@pytest.mark.parametrize(
    ("options", "name"), [({"hidden": (5,)}, "layers.0.weight"), ({"vamp": True}, "pseudo_inputs")]
)
def test_a_checkpoint_of_another_model(options, name, tmp_path):
    path = tmp_path / "run.pt"
    quiet(tiny_vae(), binary_data(), epochs=1, checkpoint=path)
    vae = tiny_vae(**options)
    before = state(vae)
    with pytest.raises(ValueError, match=name) as caught:
        quiet(vae, binary_data(), epochs=2, checkpoint=path, resume=True)
    assert "\n" not in str(caught.value)
    assert same(state(vae), before)
