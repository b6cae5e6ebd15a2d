"""The interface that training and evaluation expect: a model, its guide and their parameters."""

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn

__all__ = ["Program", "check_program", "device_of", "dtype_of", "read_device", "takes_counts"]


@runtime_checkable
class Program(Protocol):
    """A Pyro program p(z) p(x|z), its guide q(z|x), and the parameters of both.

    A `VAE` is one, and so is any ``nn.Module`` with these two methods. Model and guide take the
    tensors of a batch, x first.
    """

    def model(self, *batch: Any) -> Any:
        """Runs the generative model with the batch observed."""

    def guide(self, *batch: Any) -> Any:
        """Runs the guide, whose sample sites have the names of the model's latents."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Returns the parameters of both."""


def check_program(model: Any) -> None:
    """Checks that an object is a model with its guide.

    Raises:
        ValueError: If it is not.
    """
    if isinstance(model, type):
        raise ValueError(
            f"model: expected a model, got the class {model.__name__} itself: construct one, "
            f"{model.__name__}(...)"
        )
    missing = [
        n for n in ("model", "guide", "parameters") if not callable(getattr(model, n, None))
    ]
    if missing:
        given = repr(model) if isinstance(model, str | int | None) else f"a {type(model).__name__}"
        advice = "; load(path) reads one" if isinstance(model, str) else ""
        raise ValueError(
            "model: expected an object with model, guide and parameters, such as a pyrovae.VAE, "
            f"got {given}, which has no {missing[0]}{advice}"
        )


def device_of(model: Program) -> torch.device:
    """Returns the device of a model's parameters; the CPU if it has none."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


def read_device(device: Any) -> torch.device:
    """Parses a device and checks that this machine can compute on it.

    Raises:
        ValueError: If it cannot.
    """
    try:
        found = torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device: expected 'auto', 'cpu' or one that this machine has, got {device!r} ({reason})"
        ) from None
    if found.type == "meta":
        raise ValueError(
            "device: expected auto, cpu, cuda or mps, got 'meta', which holds no values"
        )
    return found


def dtype_of(model: Program) -> torch.dtype | None:
    """Returns the floating type of the parameters; ``None`` if there are none or several types."""
    types = {p.dtype for p in model.parameters() if p.is_floating_point()}
    return types.pop() if len(types) == 1 else None


def takes_counts(model: object) -> bool:
    """Whether the model, or a part such as its likelihood, declares that its data are counts."""
    own = getattr(model, "counts", None)
    if isinstance(own, bool):
        return own
    parts = model.modules() if isinstance(model, nn.Module) else ()
    return any(getattr(part, "counts", False) is True for part in parts)
