"""Data that are to be drawn, read as they are read for training."""

from typing import Any

from torch import Tensor

from pyrovae.datasets.tensors import as_tensor
from pyrovae.datasets.values import read_batch
from pyrovae.latent_space.codes import check_batch

__all__ = ["check_beside", "read_data"]


def read_data(name: str, x: Any) -> Tensor:
    """Reads a batch of data as a model's queries do.

    What a model makes of 8-bit values are grey levels in [0, 1]: beside it, the values themselves
    are to be grey levels, too.

    Args:
        name: Of the argument, for the message.
        x: A tensor or NumPy array, ``(n, *data_shape)``.

    Returns:
        Floating numbers, without gradients.

    Raises:
        ValueError: If it is something else, or has not this shape with n >= 1.
    """
    x = as_tensor(x, name=name)
    check_batch(name, x)
    return read_batch(x)


def check_beside(x: Tensor, made: Tensor) -> None:
    """Looks whether data can stand beside what a model makes of them.

    Raises:
        ValueError: If the shapes differ, as at one data site of several.
    """
    if x.shape[1:] != made.shape[1:]:
        raise ValueError(
            f"x: expected data of the shape of what the model makes of them, "
            f"{tuple(made.shape[1:])}, which stands beside them, got {tuple(x.shape[1:])}"
        )
