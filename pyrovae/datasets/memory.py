"""How much is kept in memory, and what is said where there is none."""

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["MEMORY_LIMIT", "enough_memory", "readable"]

#: Files that need more than this as 32-bit floats, in bytes, are read from the disk batch by batch.
MEMORY_LIMIT = 2**30


@contextmanager
def enough_memory(where: str, needed: int) -> Iterator[None]:
    """Says in one line that memory ran out.

    Args:
        where: Of which data, such as a path.
        needed: The bytes that they take.

    Raises:
        ValueError: If it did.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "allocate" not in str(error):
            raise
        raise ValueError(
            f"{where}: its data take {readable(needed)}, more than the memory that is left"
        ) from error


def readable(size: int) -> str:
    """A number of bytes for people."""
    if size < 1000:
        return f"{size} bytes"
    units = ("KiB", "MiB", "GiB", "TiB", "PiB")
    exponent = min((size.bit_length() - 1) // 10, len(units)) or 1
    return f"{size / 1024**exponent:.3g} {units[exponent - 1]}"
