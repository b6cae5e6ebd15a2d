"""Looking at arguments before anything is done with them."""

import math
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "check_agreement",
    "check_count",
    "check_path",
    "check_seed",
    "check_weight",
    "whereabouts",
    "whereabouts_counted",
]

COLUMNS_NAMED = 5


def check_agreement(what: str, shapes: dict[str, Any]) -> None:
    """Compares the shapes that the parts of a model declare.

    Args:
        what: What has these shapes, for the error message.
        shapes: Shapes by part; ``None`` for a part that declares none.

    Raises:
        ValueError: If two of them differ. The message names the parts.
    """
    declared = {part: tuple(shape) for part, shape in shapes.items() if shape is not None}
    if len(set(declared.values())) > 1:
        listed = ", ".join(f"{part} {shape}" for part, shape in declared.items())
        raise ValueError(f"{what}: expected the same shape in all parts, got {listed}")


def check_count(name: str, value: Any, *, least: int = 1) -> None:
    """Looks whether an argument is a whole number of at least 1, or another least.

    Raises:
        ValueError: If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{name}: expected at least {least}, a whole number, got {value!r}")
    if value < least:
        raise ValueError(f"{name}: expected at least {least}, got {value!r}")


def check_weight(name: str, value: float) -> None:
    """Looks whether an argument is a finite number of at least 0.

    Raises:
        ValueError: If it is not.
    """
    if not 0 <= value < math.inf:
        raise ValueError(f"{name}: expected a finite weight of at least 0, got {value}")


def check_path(name: str, value: Any) -> None:
    """Looks whether an argument is the path of a file, which need not be there.

    Raises:
        ValueError: If it is not, or there is a folder.
    """
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise ValueError(f"{name}: expected the path of a file, got {value!r}")
    if os.path.isdir(value):
        raise ValueError(f"{name}: expected the path of a file, but {value} is a folder")


def check_seed(name: str, value: Any) -> None:
    """Looks at a seed, which torch takes in 64 bits.

    Raises:
        ValueError: If it is none.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not -(2**63) <= value < 2**64:
        raise ValueError(f"{name}: expected a whole number of 64 bits, got {value!r}")


def whereabouts(odd: "Tensor") -> str:
    """Which of some data's values are meant: how many, and in which columns if these are few.

    Args:
        odd: Bool, ``(n, *data_shape)``.
    """
    return whereabouts_counted(int(odd.sum()), odd.numel(), odd.any(0) if odd.dim() == 2 else None)


def whereabouts_counted(number: int, total: int, columns_met: "Tensor | None") -> str:
    """Says the same of data that were counted a part at a time.

    Args:
        number: How many values are meant.
        total: Of how many.
        columns_met: In which columns any is, bool; None if a datum is not one row.
    """
    share = 100 * number / total
    shown = f"{share:.2g}" if share < 99.5 else f"{share:.0f}"
    count = f"{number} of {total} values ({shown} %)"
    if columns_met is None:
        return count
    columns = columns_met.nonzero().flatten().tolist()
    if len(columns) > min(COLUMNS_NAMED, len(columns_met) - 1):
        return count
    noun = "column" if len(columns) == 1 else "columns"
    return f"{count}, in {noun} {', '.join(map(str, columns))} alone"
