"""Checkpoints whose archive or index means harm, or is damaged."""

import os
import zipfile

import pytest
import torch
from hostile import attempt, content, no_trace, refused
from tiny import tiny_vae

from pyrovae import checkpoint, load

pytestmark = pytest.mark.usefixtures("no_trace")
__all__ = ["no_trace"]

# The file itself


class Calls:
    """Unpickled without care, it calls a function."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "harm",
    [
        Calls(exec, "open('owned', 'w').close()"),
        Calls(os.mkdir, "owned"),
        Calls(bytearray, 10**11),
        Calls(__import__, "harm"),
        Calls(getattr, "text", "join"),
        Calls(print, "owned"),
        Calls(list, range(10**6)),
    ],
    ids=lambda harm: harm.call[0].__name__,
)
@pytest.mark.parametrize("place", ["components", "state_dict", "training", "notes", "format"])
def test_a_pickled_call_is_never_made(harm, place, tmp_path):
    torch.save(content() | {place: {"a": harm}}, tmp_path / "model.pt")
    refused(tmp_path / "model.pt")


def test_an_archive_that_unpacks_to_more_than_itself(tmp_path):
    torch.save(content(), tmp_path / "whole.pt")
    with zipfile.ZipFile(tmp_path / "whole.pt") as whole:
        for name, method in (("deflated.pt", zipfile.ZIP_DEFLATED), ("lzma.pt", zipfile.ZIP_LZMA)):
            with zipfile.ZipFile(tmp_path / name, "w", method) as archive:
                for part in whole.infolist():
                    more = b"\0" * 50_000_000 if part.filename.endswith("/0") else b""
                    archive.writestr(part.filename, whole.read(part) + more)
            refused(tmp_path / name)


def test_a_bit_that_has_flipped_is_seen(tmp_path):
    path = tmp_path / "model.pt"
    vae = tiny_vae()
    checkpoint.save(vae, path)
    whole = path.read_bytes()
    expected = {name: t.clone() for name, t in vae.state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    flips = torch.randint(8 * len(whole), (150,), generator=generator).tolist()
    for bit in flips:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        loaded, message = attempt(path)
        if loaded is None:
            assert path.name in message
            assert "\n" not in message
        else:  # in the filling between parts, say
            state = loaded.state_dict()
            assert all(torch.equal(state[name], value) for name, value in expected.items())


def test_the_right_parts_in_the_wrong_place(tmp_path):
    for key in ("components", "state_dict", "training", "notes"):
        for value in (3, "text", [1], {"a": 1}, None):
            hostile = content() | {key: value}
            torch.save(hostile, tmp_path / "model.pt")
            # Of no matter to a model, whatever is in it.
            right = {"training": (dict, type(None)), "notes": (dict,)}
            if type(value) in right.get(key, ()):
                load(tmp_path / "model.pt")
            else:
                refused(tmp_path / "model.pt")
