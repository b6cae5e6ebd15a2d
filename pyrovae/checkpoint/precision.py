"""Which kinds of numbers a model takes as its weights."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["check_dtypes", "check_precision"]

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def check_dtypes(model: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Looks whether weights are real numbers where a model has such, and whole ones elsewhere.

    Torch would round without a word.

    Args:
        model: The model that is to take them.
        state: The weights.
        where: What holds them, for messages.

    Raises:
        ValueError: If they are not.
    """
    for name, tensor in model.state_dict(keep_vars=True).items():
        if name not in state or not isinstance(tensor, Tensor):
            continue
        given = state[name].dtype
        if tensor.is_floating_point():
            fits, expected = given in FLOATS, f"one of {', '.join(map(_name, FLOATS))}"
        else:
            fits, expected = not given.is_floating_point, _name(tensor.dtype)
        if not fits:
            raise ValueError(f"{where}: {name}: expected {expected}, got {_name(given)}")


def check_precision(model: nn.Module, state: Mapping[str, Tensor], where: str) -> None:
    """Looks whether all real parameters of a model are given in one precision.

    Args:
        model: The model.
        state: The weights.
        where: What holds them, for messages.

    Raises:
        ValueError: If they are not.
    """
    found: dict[torch.dtype, str] = {}
    for name, parameter in model.named_parameters():
        if name in state and parameter.is_floating_point():
            found.setdefault(state[name].dtype, name)
    if len(found) > 1:
        told = ", ".join(f"{_name(dtype)} for {name}" for dtype, name in found.items())
        raise ValueError(f"{where}: expected all parameters in the same precision, got {told}")


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
