"""Files of another kind, another model or a damaged one: a sentence that names them."""

import os

import pytest
import torch
from tiny import binary_data, same, state, tiny_vae

import pyrovae
from pyrovae import checkpoint, load, save

# Files that do not fit


@pytest.mark.parametrize(
    "other",
    [
        lambda: tiny_vae(hidden=(5,)),
        lambda: tiny_vae(vamp=True),
        lambda: tiny_vae(batch_norm=True),
        lambda: tiny_vae(hidden=()),
    ],
)
def test_weights_of_another_model_are_refused_in_one_line(other, tmp_path):
    path = tmp_path / "model.pt"
    save(tiny_vae(), path)
    with pytest.raises(ValueError, match="do not fit the model") as caught:
        load(path, model=other())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x04N."])
def test_a_file_that_is_no_checkpoint(content, tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="model.pt"):
        load(path)


@pytest.mark.parametrize(
    "content",
    [
        torch.zeros(3),
        {"state_dict": {}},
        {"format": "pyrovae checkpoint 0", "components": [], "state_dict": {}},
        [],
    ],
)
def test_a_file_of_another_format(content, tmp_path):
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(ValueError, match="pyrovae checkpoint 1"):
        load(tmp_path / "model.pt")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.pt"):
        load(tmp_path / "nowhere.pt")
    with pytest.raises(FileNotFoundError):
        load(tmp_path)


def test_a_run_folder_is_said_to_be_one(tmp_path):
    save(tiny_vae(), tmp_path / "checkpoint.pt")
    with pytest.raises(FileNotFoundError, match=r"run folder: load\('.*checkpoint.pt'\)"):
        load(tmp_path)


def test_a_file_cut_short_is_said_to_be_damaged(tmp_path):
    path = tmp_path / "model.pt"
    save(tiny_vae(), path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="it is truncated or damaged, 1000 bytes"):
        load(path)
    path.write_bytes(b"text")
    with pytest.raises(ValueError, match="it is a file of another kind, 4 bytes"):
        load(path)


def test_a_truncated_file(tmp_path):
    path = tmp_path / "model.pt"
    save(tiny_vae(), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="model.pt"):
        load(path)


def test_an_error_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    vae = tiny_vae()
    save(vae, path)

    def broken(content, target):
        target.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(OSError, match="disk full"):
        save(tiny_vae(seed=1), path)
    monkeypatch.undo()
    assert same(state(load(path)), state(vae))
    assert os.listdir(tmp_path) == ["model.pt"]


def test_arguments_that_a_class_no_longer_takes(tmp_path):
    vae = tiny_vae()
    entries = checkpoint.describe(vae)
    entries[0]["init_args"]["nonsense"] = 1
    checkpoint.write(tmp_path / "m.pt", {"components": entries, "state_dict": vae.state_dict()})
    with pytest.raises(ValueError, match=r"pyrovae\.priors\.normal\.NormalPrior.*nonsense"):
        load(tmp_path / "m.pt")


# Files that mean harm


class Harm:
    """Unpickled without care, it makes a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("place", ["content", "entry", "state", "training"])
def test_a_pickled_command_is_never_run(place, tmp_path):
    trace = tmp_path / "harm"
    path = tmp_path / "model.pt"
    vae = tiny_vae()
    content = {
        "format": checkpoint.FORMAT,
        "components": checkpoint.describe(vae),
        "state_dict": dict(vae.state_dict()),
        "training": None,
    }
    if place == "content":
        content = Harm(trace)
    elif place == "entry":
        content["components"][0]["init_args"]["hidden"] = Harm(trace)
    elif place == "state":
        content["state_dict"]["prior.loc"] = Harm(trace)
    else:
        content["training"] = Harm(trace)
    torch.save(content, path)
    for read in (
        lambda: load(path),
        lambda: load(path, model=vae),
        lambda: load(path, allow=["os", "posix"]),
        lambda: checkpoint.read(path),
        lambda: pyrovae.fit(vae, binary_data(), checkpoint=path, resume=True, progress=False),
    ):
        with pytest.raises(ValueError, match="model.pt"):
            read()
        assert not trace.exists()
    # The file would have done it: an unsafe reader falls for it.
    torch.load(path, weights_only=False)
    assert trace.is_dir()


@pytest.mark.parametrize(
    ("class_path", "allow", "message"),
    [
        ("os.system", [], "not allowed"),
        ("os.system", ["os"], "expected a subclass"),
        ("builtins.eval", ["builtins"], "expected a subclass"),
        ("torch.nn.Linear", ["torch"], "expected a subclass"),
        ("pyrovae.files.atomic", [], "expected a subclass"),
        ("pyrovae.files.os.system", [], "no such class"),
        ("pyrovae.files.os", [], "expected a subclass"),
        ("pyrovae.nn.network.Tensor", [], "expected a subclass"),
        ("pyrovae.nn.Nothing", [], "no such class"),
        ("pyrovae", [], "no such class"),
        (".os.system", [], "by its import path"),
        ("", [], "by its import path"),
    ],
)
def test_only_components_are_imported(class_path, allow, message, tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(os, "system", ran.append)
    entry = {"class_path": class_path, "init_args": {"command": "true"}}
    checkpoint.write(tmp_path / "m.pt", {"components": [entry], "state_dict": {}})
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "m.pt", allow=allow)
    assert ran == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"notes": {"options": {"lr": torch.zeros(3)}}}, r"notes\.options\.lr: expected numbers"),
        ({"notes": {"options": {1: 2}}}, r"notes\.options: expected strings as keys"),
        ({"state_dict": {"weight": {"a": 1}}}, "state_dict: expected tensors by name, got dict"),
        ({"training": {"best": {"weight": [1.0]}}}, r"training\.best: expected tensors by name"),
        ({"training": {"best": 3}}, r"training\.best: expected weights by name, got int"),
        (
            {"training": {"average": {"weights": {"weight": None}}}},
            r"training\.average\.weights: expected tensors by name, got None",
        ),
    ],
)
def test_what_is_no_weight_and_no_plain_value_is_named(change, message, tmp_path):
    model = torch.nn.Linear(2, 2)
    path = tmp_path / "checkpoint.pt"
    checkpoint.write(
        path, {"components": None, "state_dict": model.state_dict(), "training": None} | change
    )
    with pytest.raises(ValueError, match=message):
        load(path, model=model, averaged="average" in str(change))
