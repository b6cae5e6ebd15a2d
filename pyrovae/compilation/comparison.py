"""Whether a program gives the numbers of another one, on which batch."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from pyrovae.compilation.not_compiled import NotCompiled, reason_of

__all__ = ["ROUNDINGS", "Batch", "check_same", "half_twice", "nudged_by_a_rounding"]

Batch = tuple[Tensor, ...]

ROUNDINGS = 1e-4  # of float32, in sums in another order

# Each operation rounds, where only the parameters were nudged.
SEVERAL = 16
MOST = 5e-2


def half_twice(batch: Batch) -> Batch:
    """The first half of a batch, each datum twice: a batch of the same form and another mean."""

    def repeated(value: Tensor) -> Tensor:
        rows = torch.arange(len(value), device=value.device) // 2
        return torch.empty_like(value).copy_(value[rows])

    return tuple(repeated(value) for value in batch)


def nudged_by_a_rounding(value: Tensor) -> Tensor:
    """The numbers next to these, above or below by chance; integers as they are."""
    if not value.dtype.is_floating_point:
        return value
    generator = torch.Generator(value.device).manual_seed(0)
    up = torch.rand(value.shape, generator=generator, device=value.device) < 0.5
    far = torch.full_like(value, float("inf"))
    return torch.nextafter(value, torch.where(up, far, -far))


def check_same(
    expected: Sequence[Tensor],
    found: Sequence[Tensor],
    names: Sequence[str],
    *,
    share: float,
    what: str,
    nudged: Callable[[], Sequence[Tensor]] | None = None,
) -> None:
    """Compares what two programs give and move.

    Args:
        expected: The tensors of the eager one.
        found: Those of the other.
        names: What each is called, its kind first.
        share: By how much they may differ, where the largest number is one.
        what: Which program the other is, for the message.
        nudged: Gives the tensors of the eager one for parameters that differ by a rounding, and is
            asked where too much differs. By how much its tensors differ from the expected ones is
            what roundings become in a program, which grows with its depth: several times as much
            is let pass, up to a twentieth.

    Raises:
        NotCompiled: If one differs by more, or in shape.
    """
    # A gradient may be zero but for roundings of the others.
    kinds = [_kind(name) for name in names]
    largest = {kind: 0.0 for kind in kinds}
    for kind, a in zip(kinds, expected, strict=True):
        largest[kind] = max(largest[kind], _size(a))
    nearby: Sequence[Tensor] | None = None
    for i, (kind, name, a, b) in enumerate(zip(kinds, names, expected, found, strict=True)):
        if a.shape != b.shape:
            raise NotCompiled(f"the {what} program returns a {name} of a different shape, or none")
        size = max(_size(a), 1e-2 * largest[kind], 1e-6)
        distance = _size(a - b)
        if distance <= share * size:
            continue
        if nudged is not None and nearby is None:
            try:
                nearby = nudged()
            except Exception as error:
                why = f"the eager program fails near by: {reason_of(error)}"
                raise NotCompiled(why) from error
        slack = 0.0 if nearby is None else SEVERAL * _size(a - nearby[i])
        if not distance <= min(slack, MOST * size):
            raise NotCompiled(
                f"the {what} program returns a different {name} than the eager one on a second "
                f"batch (by {distance:.2g}, where the largest number is {size:.2g})"
            )


def _kind(name: str) -> str:
    """What is compared together: results, parameters, and buffers whose names differ in a number."""
    kind, _, path = name.partition(" ")
    return path.rpartition(".")[2].rstrip("0123456789") if kind == "buffer" else kind


def _size(tensor: Tensor) -> float:
    return tensor.abs().max().item() if tensor.numel() else 0.0
