"""Which values a model's weights may have."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pyrovae.component import Component

__all__ = ["check_values"]

# Below the rounding of a constant that was kept in bfloat16.
ROUNDING = 2**-7
OF_BATCH_NORM = ("running_var", "num_batches_tracked")


def check_values(model: Any, state: Mapping[str, Tensor]) -> None:
    """Looks whether weights are ones that a model can have.

    Its parts say by `Component.positive_buffers` and the like what buffers can be. A tensor that a
    model has under several names, such as a posterior's that a prior shares, is one.

    Args:
        model: The model that is to take them.
        state: The weights by name.

    Raises:
        ValueError: If they are not. The weight is named.
    """
    if not isinstance(model, nn.Module):
        return
    for prefix, module in model.named_modules():
        for buffer, wanted in _ranges(module):
            name = f"{prefix}.{buffer}" if prefix else buffer
            if name in state and getattr(module, buffer, None) is not None:
                _check_range(name, state[name], wanted, getattr(module, buffer))
    _check_copies(model, state)


def _ranges(module: nn.Module) -> Iterator[tuple[str, str]]:
    """Which of a module's own buffers are of a range, and of which."""
    if isinstance(module, _BatchNorm):
        yield from ((name, "nonnegative") for name in OF_BATCH_NORM)
    if isinstance(module, Component):
        for wanted in ("positive", "nonnegative", "constant"):
            yield from ((name, wanted) for name in getattr(module, f"{wanted}_buffers"))


def _check_range(name: str, given: Tensor, wanted: str, own: Tensor) -> None:
    if wanted == "constant":
        is_so = given.shape != own.shape or torch.allclose(  # of shapes others speak
            given.double().cpu(), own.double().cpu(), rtol=ROUNDING, atol=ROUNDING
        )
        expected = "the constants that the model's arguments give"
    else:
        least = given.min() if given.numel() else torch.zeros(())
        is_so = bool(given.isfinite().all()) and bool(
            least > 0 if wanted == "positive" else least >= 0
        )
        expected = f"finite numbers {'above' if wanted == 'positive' else 'of at least'} 0"
    if not is_so:
        raise ValueError(f"{name}: expected {expected}, got other values")


def _check_copies(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Looks whether the copies of a tensor that has several names are alike."""
    first: dict[int, str] = {}
    for name, tensor in model.state_dict(keep_vars=True).items():
        if name not in state or not isinstance(tensor, Tensor):
            continue
        before = first.setdefault(id(tensor), name)
        if before != name and not _same(state[before], state[name]):
            raise ValueError(
                f"{before} and {name}: expected the same values, because they are one tensor in "
                "the model, got different ones"
            )


def _same(a: Tensor, b: Tensor) -> bool:
    if a.shape != b.shape:
        return False
    a, b = a.cpu(), b.cpu()
    return bool(((a == b) | (a.isnan() & b.isnan())).all())
