"""Copying and restoring a model's weights."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pyrovae.checkpoint.ranges import check_values

__all__ = ["check_fits", "restore", "snapshot", "tensors"]


def tensors(model: Any) -> dict[str, Tensor]:
    """Returns parameters and buffers by name (parameters by number if it is not a module)."""
    if isinstance(model, nn.Module):
        return model.state_dict()
    return {str(i): parameter.detach() for i, parameter in enumerate(model.parameters())}


def snapshot(model: Any) -> dict[str, Tensor]:
    """Copies a model's parameters and buffers."""
    return {name: tensor.detach().clone() for name, tensor in tensors(model).items()}


def check_fits(model: Any, state: Any) -> None:
    """Checks that weights read from a file belong to a model.

    Raises:
        ValueError: If they are of another model, contain NaN, or are weights that the model cannot
            have.
    """
    if not isinstance(state, Mapping) or not all(isinstance(t, Tensor) for t in state.values()):
        raise ValueError(f"expected tensors by name, got {type(state).__name__}")
    _check_shapes(model, state)
    for name, tensor in state.items():
        if tensor.isnan().any():
            raise ValueError(f"the weights {name!r} contain NaN")
    check_values(model, state)


@torch.no_grad()
def restore(model: Any, state: Mapping[str, Tensor]) -> None:
    """Restores a snapshot, in place.

    Raises:
        ValueError: If it is of another model. Nothing is restored then.
    """
    _check_shapes(model, state)
    for name, tensor in tensors(model).items():
        tensor.copy_(state[name])


def _check_shapes(model: Any, state: Mapping[str, Tensor]) -> None:
    mine = tensors(model)
    for name in [*mine, *(name for name in state if name not in mine)]:
        shapes = [tuple(t[name].shape) if name in t else None for t in (mine, state)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"the weights do not fit the model: {name!r} has shape {shapes[1]}, but "
                f"{shapes[0]} in the model"
            )
