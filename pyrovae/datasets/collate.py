"""Items of a data set, put together into a batch field by field."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pyrovae.datasets.advice import of_several_shapes
from pyrovae.datasets.tensors import as_tensor

__all__ = ["Collate", "Unusable", "field_name", "leading_tensors"]


class Unusable(NamedTuple):
    """Why a field makes no tensor.

    A value and no exception: one that crosses from another process arrives with its traceback in
    its message.
    """

    reason: str


class Collate:
    """Puts items together into a batch: a tensor for each field, or why there is none.

    Args:
        fields: How many leading fields to keep; all if None.
    """

    def __init__(self, fields: int | None) -> None:
        self.fields = fields

    def __call__(self, items: Sequence[Any]) -> tuple[Tensor | Unusable, ...]:
        """Gives the fields of a batch in their order; a field has a value of each item."""
        rows = [tuple(item) if isinstance(item, tuple | list) else (item,) for item in items]
        first = items[0]
        if isinstance(first, list) and first and isinstance(first[0], int | float):
            return (Unusable("x: expected a tensor or array, got a list: use torch.tensor(x)"),)
        lengths = {len(row[: self.fields]) for row in rows}
        if len(lengths) > 1:
            return (Unusable(f"expected items of as many fields each, got {sorted(lengths)}"),)
        columns = zip(*(row[: self.fields] for row in rows), strict=True)
        return tuple(_stack(column, field_name(i)) for i, column in enumerate(columns))


def field_name(position: int) -> str:
    """What a field is called in messages."""
    return "x" if position == 0 else f"field {position + 1} of a datum"


def leading_tensors(values: Sequence[Any], *, lenient: bool) -> tuple[Tensor, ...]:
    """Reads the fields of a batch as tensors.

    Args:
        values: The fields, x first.
        lenient: Whether what follows x may be no tensor; it is left out then, with what follows.

    Raises:
        ValueError: If a field cannot be read, the fields have several lengths, or there are none.
    """
    tensors: list[Tensor] = []
    for i, value in enumerate(values):
        try:
            if isinstance(value, Unusable):
                raise ValueError(value.reason)
            tensors.append(as_tensor(value, name=field_name(i)))
        except ValueError as error:
            if not i:
                raise
            if lenient:
                break
            raise ValueError(f"{error} (fields={i} leaves it out)") from None
    if not tensors:
        raise ValueError("expected items that begin with x, got an item without fields")
    sizes = [len(t) if t.dim() else 0 for t in tensors]
    if len(set(sizes)) > 1:
        raise ValueError(
            f"expected the same number of rows in each tensor of a batch, got {sizes}"
        )
    return tuple(tensors)


def _stack(column: Sequence[Any], name: str) -> Tensor | Unusable:
    try:
        values = [as_tensor(value, name=name) for value in column]
    except ValueError as error:
        return Unusable(str(error))
    if len({value.shape for value in values}) > 1:
        shapes = of_several_shapes(list(values))
        return Unusable(f"{name}: expected values of one shape, got {shapes}: cut or pad them")
    types = {value.dtype for value in values}
    if torch.uint8 in types and len(types) > 1:
        given = " and ".join(sorted(map(str, types)))
        return Unusable(f"{name}: expected values of one type, got {given}")
    return torch.stack(values)
