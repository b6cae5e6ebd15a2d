"""NumPy's files, read a part at a time, without unpickling and without trust in their headers."""

import errno
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any, Protocol
from zipfile import BadZipFile, ZipFile
from zlib import error as ZlibError

import numpy as np

from pyrovae.datasets.memory import MEMORY_LIMIT, readable

__all__ = ["ArrayFile", "MappedArray", "open_arrays"]

Array = np.ndarray[Any, Any]

MAGIC = b"\x93NUMPY"
ARCHIVE = b"PK\x03\x04"
EMPTY_ARCHIVE = b"PK\x05\x06"
PART = 2**20  # values that are read at a time
#: Data do not unpack to so many times the size of their archive.
MOST_COMPRESSED = 100


class ArrayFile(Protocol):
    """An array in a file.

    Attributes:
        shape: Of the array.
        dtype: Of its values.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def parts(self) -> Iterator[Array]:
        """Goes once through the array: some rows at a time, a multiple of four but in the last."""


@dataclass(frozen=True)
class _Header:
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[Any]
    offset: int  # where the values begin

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return prod(self.shape) * self.dtype.itemsize

    @property
    def rows_at_once(self) -> int:
        """Rows in a part: four values share a random number when bits are drawn of them."""
        return max(PART // max(prod(self.shape[1:]), 1) // 4 * 4, 4)


class MappedArray:
    """A ``.npy`` file, of which that is in memory which is used.

    Args:
        path: The file.

    Raises:
        ValueError: If it is none of NumPy's, holds something else than real numbers, or is
            shorter than its header says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self._header = _read_header(file, path.stat().st_size)
        self.shape, self.dtype = self._header.shape, self._header.dtype

    def parts(self) -> Iterator[Array]:
        """Goes once through the array; see `ArrayFile`."""
        header = self._header
        rows, at_once = self.shape[0] if self.shape else 0, header.rows_at_once
        if header.fortran:
            for start in range(0, rows, at_once):
                # Mapped anew each time: what has been read would stay in memory.
                yield self.map()[start : start + at_once]
            return
        with self.path.open("rb") as file:
            file.seek(header.offset)
            yield from _rows(file, header, at_once)

    def map(self) -> Array:
        """The whole array, read from the disk where it is looked at."""
        header = self._header
        if not header.size:
            return np.empty(header.shape, header.dtype)
        order: Any = "F" if header.fortran else "C"
        return np.memmap(
            self.path, header.dtype, "r", offset=header.offset, shape=header.shape, order=order
        )


class _Member:
    """An array in an archive, which is unpacked as it is read."""

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        with ZipFile(path) as archive, archive.open(name) as file:
            size = archive.getinfo(name).file_size
            if size > max(MEMORY_LIMIT, MOST_COMPRESSED * path.stat().st_size):
                raise ValueError(
                    f"array {name.removesuffix('.npy')!r} would unpack to {readable(size)}, more "
                    f"than {MOST_COMPRESSED} times the size of its archive: save it as a .npy file"
                )
            self._header = _read_header(file, size)
        self.shape, self.dtype = self._header.shape, self._header.dtype

    def parts(self) -> Iterator[Array]:
        """Goes once through the array; see `ArrayFile`."""
        header = self._header
        with ZipFile(self.path) as archive, archive.open(self.name) as file:
            file.read(header.offset)
            if not header.fortran:
                yield from _rows(file, header, header.rows_at_once)
            elif header.size:
                data = _read_exactly(file, header.size)
                yield np.frombuffer(data, self.dtype).reshape(self.shape, order="F")


@contextmanager
def open_arrays(path: Path) -> Iterator[dict[str, ArrayFile]]:
    """Gives the arrays of a file by name, looking at their headers alone.

    Args:
        path: A ``.npz`` file, or a ``.npy`` file, whose only array has the name "".

    Raises:
        ValueError: Within the block, too, if the file cannot be read; the message begins with its
            path, and is one line.
    """
    try:
        yield _arrays(path)
    except (ValueError, EOFError, BadZipFile, ZlibError, NotImplementedError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(
            reason if reason.startswith(str(path)) else f"{path}: {reason}"
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno == errno.ENOMEM:
            reason = "it takes more than the memory that is left"
        raise ValueError(f"{path}: {reason}") from error


def _arrays(path: Path) -> dict[str, ArrayFile]:
    with path.open("rb") as file:
        start = file.read(4)
    if start not in (ARCHIVE, EMPTY_ARCHIVE):
        return {"": MappedArray(path)}
    with closing(ZipFile(path)) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        if any(archive.getinfo(name).flag_bits & 1 for name in names):
            raise ValueError("expected an archive without a password, got one with a password")
    return {name.removesuffix(".npy"): _Member(path, name) for name in names}


def _read_header(file: IO[bytes], size: int) -> _Header:
    start = file.read(len(MAGIC))
    if start != MAGIC:
        raise ValueError(
            f"expected NumPy's format, got a file that {_what_it_is(start + file.read(200))}"
        )
    version = file.read(2)
    try:
        # Numbers have headers in the first two versions; the third is for names of fields.
        read = {b"\1\0": _format.read_array_header_1_0, b"\2\0": _format.read_array_header_2_0}
        shape, fortran, dtype = read[version](file)
    except Exception:  # noqa: BLE001
        # Text from anybody goes through Python's own parser and tokenizer, which fail in many ways,
        # and NumPy's words advise unpickling.
        raise ValueError(
            "expected the header of an array of real numbers, got a different header"
        ) from None
    if dtype.hasobject:
        raise ValueError(
            f"expected an array of real numbers, got dtype {dtype}, whose objects are not unpickled"
        )
    if dtype.subdtype is not None:
        raise ValueError(f"expected an array of real numbers, got dtype {dtype}")
    header = _Header(tuple(map(int, shape)), bool(fortran), dtype, file.tell())
    if any(length < 0 for length in header.shape):
        raise ValueError(f"expected a shape, got {header.shape} in the header")
    if header.size > size - header.offset:
        raise ValueError(
            f"its header says {dtype} of shape {header.shape}, {readable(header.size)}, but only "
            f"{readable(max(size - header.offset, 0))} follow: the file is truncated or damaged"
        )
    return header


def _what_it_is(start: bytes) -> str:
    if not start:
        return "is empty"
    try:
        start.decode()
    except UnicodeDecodeError:
        return f"begins with {start[:8]!r}"
    return (
        f"is text, {start[:20].decode(errors='replace')!r}: numpy.loadtxt(..., delimiter=',') "
        "reads tables, and numpy.save writes what was read"
    )


def _rows(file: IO[bytes], header: _Header, at_once: int) -> Iterator[Array]:
    """Reads an array in C order from where its values begin."""
    rows = header.shape[0] if header.shape else 0
    for start in range(0, rows, at_once):
        shape = (min(at_once, rows - start), *header.shape[1:])
        data = _read_exactly(file, prod(shape) * header.dtype.itemsize)
        yield np.frombuffer(data, header.dtype).reshape(shape)


def _read_exactly(file: IO[bytes], size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise ValueError(f"expected {readable(size)} more, got {readable(len(data))}")
    return data


_format = np.lib.format
