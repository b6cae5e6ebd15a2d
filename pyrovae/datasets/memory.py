"""How much is kept in memory, and what is said where there is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import prod

__all__ = ["MEMORY_LIMIT", "enough_memory", "readable", "rows_to_look_at"]

#: Files that need more than this as 32-bit floats, in bytes, are read from the disk batch by batch.
MEMORY_LIMIT = 2**30


#: Values that are looked at at once, of which a look makes a few copies in double precision.
VALUES = 2**21
MOST_ROWS = 1000


def rows_to_look_at(shape: tuple[int, ...]) -> int:
    """How many data of a shape are looked at at a time: 1000, fewer of large ones, at least two."""
    return max(2, min(MOST_ROWS, VALUES // max(prod(shape), 1)))


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
            f"{where}: its data need {readable(needed)}, more than the memory that is left"
        ) from error


def readable(size: int) -> str:
    """A number of bytes for people."""
    if size < 1000:
        return f"{size} bytes"
    units = ("KiB", "MiB", "GiB", "TiB", "PiB")
    exponent = min((size.bit_length() - 1) // 10, len(units)) or 1
    return f"{size / 1024**exponent:.3g} {units[exponent - 1]}"
