"""Data for a figure, read in the same way as for training."""

from typing import Any

from torch import Tensor

from pyrovae.datasets.tensors import as_tensor
from pyrovae.datasets.values import read_batch
from pyrovae.latent_space.codes import check_batch

__all__ = ["check_beside", "read_data"]


def read_data(name: str, x: Any) -> Tensor:
    """Reads a batch of data in the same way as a model's queries do.

    A model trained on 8-bit values returns grey levels in [0, 1]; beside them, the data have to be
    shown as grey levels, too.

    Args:
        name: Name of the argument, for the message.
        x: A tensor or NumPy array, ``(n, *data_shape)``.

    Returns:
        A floating-point tensor without gradients.

    Raises:
        ValueError: If ``x`` is something else, or does not have this shape with n >= 1.
    """
    x = as_tensor(x, name=name)
    check_batch(name, x)
    return read_batch(x)


def check_beside(x: Tensor, made: Tensor) -> None:
    """Checks that data can be shown beside what a model makes of them.

    Raises:
        ValueError: If the shapes differ, as they do for one of several data sites.
    """
    if x.shape[1:] != made.shape[1:]:
        raise ValueError(
            f"x: expected data of shape {tuple(made.shape[1:])}, the shape of the model's output, got "
            f"{tuple(x.shape[1:])}"
        )
