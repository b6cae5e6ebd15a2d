"""NumPy's files that are damaged, huge, or something else."""

import io
import re
import zipfile

import numpy as np
import pytest

from pyrovae.datasets import load_data


def npy(shape, dtype="<f4", content=b"", *, order=False, version=1):
    header = f"{{'descr': {dtype!r}, 'fortran_order': {order}, 'shape': {shape}, }}".encode()
    header += b" " * (64 - (len(header) + 11) % 64) + b"\n"
    size = 2 if version == 1 else 4
    return (
        b"\x93NUMPY"
        + bytes([version, 0])
        + len(header).to_bytes(size, "little")
        + header
        + content
    )


def refused(path, message):
    with pytest.raises(ValueError, match=message) as caught:
        load_data(str(path), validation=0, test=0)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert "\n" not in text
    assert "pickle=" not in text
    return text


HEADERS = {
    "huge": (npy((10**12,)), "follow: the file is truncated or damaged"),
    "huge table": (npy((10**6, 10**6)), r"float32 of shape \(1000000, 1000000\), 3.64 TiB"),
    "beyond 64 bits": (npy((10**30, 10**30)), "truncated or damaged"),
    "huge and empty": (npy((0, 10**30)), "at least one datum"),
    "negative": (npy((-1, 4)), r"a shape, got \(-1, 4\)"),
    "short": (npy((10, 4), content=b"\0" * 100), "160 bytes, but only 100 bytes follow"),
    "objects": (npy((1, 1), "|O", b"\x80\x04."), "dtype object, whose objects are not unpickled"),
    "text": (npy((1, 1), "<U1", b"a\0\0\0"), "real numbers, got dtype <U1"),
    "no header": (b"\x93NUMPY\x01\x00\xff\xff", "header of an array of real numbers"),
    "no version": (b"\x93NUMPY", "header of an array of real numbers"),
    "strange version": (npy((1, 1), version=9), "header of an array of real numbers"),
    "code": (
        b"\x93NUMPY\x01\x00\x20\x00" + b"__import__('os').abort()".ljust(31) + b"\n",
        "header of an array of real numbers",
    ),
    "deep": (
        b"\x93NUMPY\x01\x00\x10\x27" + b"(" * 9_999 + b"\n",
        "header of an array of real numbers",
    ),
    "long": (
        b"\x93NUMPY\x01\x00\xff\xff" + b" " * 65_534 + b"\n",
        "header of an array of real numbers",
    ),
    "fields": (npy((3,), [("a", "<f4")], b"\0" * 12), "real numbers"),
    "empty": (b"", "a file that is empty"),
    "table": (b"a,b\n1,2\n", r"is text, 'a,b.*numpy.loadtxt\(..., delimiter=','\) reads tables"),
    "other": (b"\x89HDF\r\n\x1a\n" + b"\0" * 100, r"a file that begins with b'\\x89HDF"),
}


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
@pytest.mark.parametrize(("content", "message"), HEADERS.values(), ids=list(HEADERS))
def test_files_that_hold_no_data(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    refused(tmp_path / name, message)


@pytest.mark.parametrize(("content", "message"), HEADERS.values(), ids=list(HEADERS))
def test_archives_that_hold_no_data(tmp_path, content, message):
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("x.npy", content)
    refused(tmp_path / "x.npz", message)


def test_every_cut_of_a_file_is_found(tmp_path):
    whole = io.BytesIO()
    np.save(whole, np.zeros((3, 4)))
    for size in range(len(whole.getvalue())):
        (tmp_path / "x.npy").write_bytes(whole.getvalue()[:size])
        refused(tmp_path / "x.npy", "x.npy")


def test_every_cut_of_an_archive_is_found(tmp_path):
    whole = io.BytesIO()
    np.savez_compressed(whole, x=np.random.default_rng(0).random((3, 4)))
    for size in range(len(whole.getvalue())):
        (tmp_path / "x.npz").write_bytes(whole.getvalue()[:size])
        refused(tmp_path / "x.npz", "x.npz")


def test_damaged_values_in_an_archive(tmp_path):
    np.savez_compressed(tmp_path / "x.npz", x=np.random.default_rng(0).random((300, 40)))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    content[len(content) // 2] ^= 255
    (tmp_path / "x.npz").write_bytes(content)
    refused(tmp_path / "x.npz", "CRC|decompress|invalid")


def test_an_archive_that_unpacks_to_much_more_than_it_is(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "x.npz", x=np.zeros((1000, 5000)))
    assert load_data(str(tmp_path / "x.npz"), pooled=True).shape == (5000,)
    monkeypatch.setattr("pyrovae.datasets.numpy_files.MEMORY_LIMIT", 2**20)
    refused(tmp_path / "x.npz", "array 'x' would unpack to 38.1 MiB, more than 100 times")
    # Where numbers do not compress so well, the size alone is no reason.
    np.savez_compressed(tmp_path / "x.npz", x=np.random.default_rng(0).random((500, 500)))
    assert load_data(str(tmp_path / "x.npz"), pooled=True).shape == (500,)


def test_memory_that_is_not_there(tmp_path, monkeypatch):
    np.save(tmp_path / "x.npy", np.zeros((10, 4)))

    def no_memory(*args, **options):
        raise MemoryError

    monkeypatch.setattr("pyrovae.datasets.arrays.divided_splits", no_memory)
    refused(tmp_path / "x.npy", "its data need 160 bytes, more than the memory that is left")

    def none_to_allocate(*args, **options):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried ...\nmore")

    monkeypatch.setattr("pyrovae.datasets.arrays.divided_splits", none_to_allocate)
    refused(tmp_path / "x.npy", "more than the memory that is left")


def test_archives_with_a_password(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.zeros((3, 4)))
    content = bytearray((tmp_path / "x.npz").read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + offset] |= 1
    (tmp_path / "x.npz").write_bytes(content)
    refused(tmp_path / "x.npz", "without a password")


def test_members_of_other_kinds_are_passed_over(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.ones((3, 4)))
    with zipfile.ZipFile(tmp_path / "x.npz", "a") as archive:
        archive.writestr("readme.txt", "no array")
    assert load_data(str(tmp_path / "x.npz"), pooled=True).shape == (4,)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("x.tsv", r"numpy.loadtxt\('{}.tsv', delimiter='\\t'\)\)"),
        ("x.txt", r"numpy.loadtxt\('{}.txt'\)\)"),
        ("x.pt", r"numpy.save\('{}.npy', x\) writes an array x of its data"),
        ("x.PNG", "an image is read with the others of its folder"),
        ("x", "writes an array x of its data"),
    ],
)
def test_other_files_say_how_to_make_arrays_of_them(tmp_path, name, advice):
    (tmp_path / name).write_text("1 2\n3 4\n")
    with pytest.raises(ValueError, match=r"\.npy file, a \.npz file, a table .*got ") as caught:
        load_data(str(tmp_path / name))
    assert re.search(advice.format(tmp_path / "x", tmp_path / "x"), str(caught.value))


def test_folders_named_like_files(tmp_path):
    (tmp_path / "x.npy").mkdir()
    with pytest.raises(ValueError, match="expected images .* found none"):
        load_data(str(tmp_path / "x.npy"))


def test_links_that_lead_nowhere(tmp_path):
    for name, target in (("loop.npy", "loop.npy"), ("gone.npy", "nothing.npy")):
        (tmp_path / name).symlink_to(target)
        with pytest.raises(FileNotFoundError, match="found a link that leads nowhere"):
            load_data(str(tmp_path / name))
