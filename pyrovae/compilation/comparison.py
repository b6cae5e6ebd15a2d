"""Whether a program gives the numbers of another one, on which batch."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pyrovae.compilation.not_compiled import NotCompiled

__all__ = ["Batch", "check_same", "half_twice"]

Batch = tuple[Tensor, ...]


def half_twice(batch: Batch) -> Batch:
    """The first half of a batch, each datum twice: a batch of the same form and another mean."""

    def repeated(value: Tensor) -> Tensor:
        rows = torch.arange(len(value), device=value.device) // 2
        return torch.empty_like(value).copy_(value[rows])

    return tuple(repeated(value) for value in batch)


def check_same(
    expected: Sequence[Tensor],
    found: Sequence[Tensor],
    names: Sequence[str],
    *,
    share: float,
    what: str,
) -> None:
    """Compares what two programs give and move.

    Args:
        expected: The tensors of the eager one.
        found: Those of the other.
        names: What each is called, its kind first.
        share: By how much they may differ, where the largest number is one.
        what: Which program the other is, for the message.

    Raises:
        NotCompiled: If one differs by more, or in shape.
    """
    # A gradient may be zero but for roundings of the others.
    kinds = [name.partition(" ")[0] for name in names]
    largest = {kind: 0.0 for kind in kinds}
    for kind, a in zip(kinds, expected, strict=True):
        largest[kind] = max(largest[kind], _size(a))
    for kind, name, a, b in zip(kinds, names, expected, found, strict=True):
        if a.shape != b.shape:
            raise NotCompiled(f"the {what} program returns a {name} of a different shape, or none")
        size = max(_size(a), 1e-2 * largest[kind], 1e-6)
        distance = _size(a - b)
        if not distance <= share * size:
            raise NotCompiled(
                f"the {what} program returns a different {name} than the eager one on a second "
                f"batch (by {distance:.2g}, where the largest number is {size:.2g})"
            )


def _size(tensor: Tensor) -> float:
    return tensor.abs().max().item() if tensor.numel() else 0.0
