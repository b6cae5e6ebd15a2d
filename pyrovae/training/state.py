"""What training keeps beside the model: weights to go back to, and random state."""

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["random_state", "restore", "set_random_state", "snapshot", "tensors"]


def tensors(model: Any) -> dict[str, Tensor]:
    """A model's parameters and buffers by name (of what is no module: parameters by number)."""
    if isinstance(model, nn.Module):
        return model.state_dict()
    return {str(i): parameter.detach() for i, parameter in enumerate(model.parameters())}


def snapshot(model: Any) -> dict[str, Tensor]:
    """Copies a model's parameters and buffers."""
    return {name: tensor.detach().clone() for name, tensor in tensors(model).items()}


@torch.no_grad()
def restore(model: Any, state: dict[str, Tensor]) -> None:
    """Puts a snapshot back, in place.

    Raises:
        ValueError: If it is of another model. Nothing is put back then.
    """
    mine = tensors(model)
    for name in [*mine, *(name for name in state if name not in mine)]:
        shapes = [tuple(t[name].shape) if name in t else None for t in (mine, state)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"the weights do not fit the model: {name!r} has shape {shapes[1]} here and "
                f"{shapes[0]} in the model"
            )
    for name, tensor in mine.items():
        tensor.copy_(state[name])


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The state of torch's generators: the CPU's, and the device's own."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        state["mps"] = torch.mps.get_rng_state()
    return state


def set_random_state(state: dict[str, Tensor], device: torch.device) -> None:
    """Puts the generators' state back; that of a device that is not used now is left out."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
    elif device.type == "mps" and "mps" in state:
        torch.mps.set_rng_state(state["mps"])
