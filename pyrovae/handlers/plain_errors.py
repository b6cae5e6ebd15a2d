"""What goes wrong in a program, in one sentence."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["plain_errors"]


@contextmanager
def plain_errors() -> Iterator[None]:
    """Leaves out the table of all shapes that Pyro puts behind whatever went wrong.

    The cause keeps it.

    Raises:
        ValueError: As the block does, without the table.
    """
    try:
        yield
    except ValueError as error:
        reason, *table = re.split(r"\s*Trace Shapes:", str(error))
        if not table:
            raise
        raise ValueError(reason) from error
