"""Saving and loading a model."""

import os
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from pyrovae.checkpoint.describe import describe
from pyrovae.checkpoint.file import check_weights, read, write
from pyrovae.checkpoint.folder import read_folder
from pyrovae.checkpoint.precision import check_dtypes, check_precision
from pyrovae.checkpoint.ranges import check_values
from pyrovae.checkpoint.rebuild import rebuild
from pyrovae.checks import check_path
from pyrovae.component import Component

__all__ = ["load", "save", "weights_in"]


def save(model: Component, path: str | os.PathLike[str]) -> None:
    """Writes a model to a file: how to make it again, and its parameters and buffers.

    The model is described as it is now, parts that were replaced in place included; see
    `describe`.

    Args:
        model: The model, or any other component.
        path: The file; it is replaced only once the new one is whole.

    Raises:
        ValueError: If something in it cannot be recorded. It is named.
    """
    if not isinstance(model, Component):
        raise ValueError(
            f"save: expected a model, or another component of this library, got a "
            f"{type(model).__name__}"
        )
    check_path("save", path)
    write(path, {"components": describe(model), "state_dict": model.state_dict()})


def load(
    path: str | os.PathLike[str],
    *,
    allow: Collection[str] = (),
    model: Any = None,
    averaged: bool = False,
    device: torch.device | str = "cpu",
) -> Any:
    """Reads a model that `save` or training wrote.

    The file is read as data only. Classes are imported from pyrovae and from the packages that
    ``allow`` names, and have to be components; no more memory is taken than the file's weights
    account for.

    Args:
        path: The file, or a folder that `save_folder` wrote.
        allow: Packages whose classes the file may name, such as ``["my_package"]``.
        model: A model to read the parameters into, for those that cannot be recorded.
        averaged: Whether to read the average of the weights that training kept.
        device: Where the model shall be.

    Returns:
        The model, in evaluation mode; where training kept its best weights, with these.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no checkpoint, names a class that is not allowed, does not fit
            ``model``, or has no average.
    """
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"load: expected the path of a file, got {path!r}")
    is_folder = os.path.isdir(path)
    content = read_folder(path) if is_folder else read(path)
    state = weights_in(path, content, averaged=averaged)
    if model is None:
        if content["components"] is None:
            raise ValueError(
                f"{path}: it does not record how its model is built; pass the model to load the "
                "parameters into, load(path, model=...)"
            )
        try:
            model = rebuild(content["components"], allow=allow, state=content["state_dict"])
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    check_dtypes(model, state, str(path))
    if is_folder:
        check_precision(model, state, str(path))
    try:
        check_values(model, state)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    _take_dtypes(model, state)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:1000]
        raise ValueError(f"{path}: the parameters do not fit the model: {reason}") from None
    return model.to(device).eval()


def weights_in(
    path: str | os.PathLike[str], content: Mapping[str, Any], *, averaged: bool = False
) -> dict[str, Tensor]:
    """The weights that `load` gives a model.

    Args:
        path: The file, for messages.
        content: What it holds.
        averaged: Whether to take the average that training kept.

    Raises:
        ValueError: If there is no average, or what there is is none.
    """
    training = content["training"] or {}
    if averaged:
        average = training.get("average")
        if not isinstance(average, dict) or not isinstance(average.get("weights"), dict):
            raise ValueError(
                f"{path}: it contains no average of the weights; train with one (average=...)"
            )
        check_weights(average["weights"], f"{path}: training.average.weights")
        # The average is of what is trained; buffers are as they are.
        return content["state_dict"] | average["weights"]
    best = training.get("best")
    if best is None:
        return content["state_dict"]
    check_weights(best, f"{path}: training.best")
    return best


@torch.no_grad()
def _take_dtypes(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Gives floating parameters and buffers the precision of those to be read into them."""
    for name, tensor in model.state_dict(keep_vars=True).items():
        given = state.get(name)
        if (
            given is not None
            and given.dtype != tensor.dtype
            and given.is_floating_point()
            and tensor.is_floating_point()
        ):
            tensor.data = tensor.data.to(given.dtype)
