"""Errors in a program, reduced to one sentence."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["plain_errors"]


@contextmanager
def plain_errors() -> Iterator[None]:
    """Removes from an error the table of all shapes that Pyro appends to it.

    The cause of the error keeps the table.

    Raises:
        ValueError: If the block raises one, without the table.
    """
    try:
        yield
    except ValueError as error:
        reason, *table = re.split(r"\s*Trace Shapes:", str(error))
        if not table:
            raise
        raise ValueError(reason) from error
