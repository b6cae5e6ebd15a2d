"""The interface of models that figures use, and properties of their latents and data."""

from inspect import signature
from typing import Any, Protocol

import torch
from torch import Tensor

from pyrovae.latent_space.codes import Coder, encode, one_site
from pyrovae.scope import kept_random_state


class PlottableModel(Coder, Protocol):
    """Any object that encodes, decodes, reconstructs and samples, without gradients.

    The attributes ``data_shape`` and ``latent_shape`` (shapes without the batch, or None) are used
    if a model has them.
    """

    def reconstruct(self, x: Tensor, /) -> Any:
        """Returns the likelihood's means at the codes of a batch."""

    def sample(self, n: int, /) -> Any:
        """Returns the likelihood's means at n draws from the prior."""


def axis_name(dimension: int, site: str | None) -> str:
    """The name of one dimension of a latent in a figure.

    Args:
        dimension: The dimension, counted from 0.
        site: The site as given by the user.

    Returns:
        "z1" for the first dimension of a single latent "z"; with a site's name, in Python's
        notation, "z2[0]".
    """
    return f"z{dimension + 1}" if site in (None, "z") else f"{site}[{dimension}]"


def data_shape(model: PlottableModel) -> tuple[int, ...]:
    """The shape of one datum.

    Args:
        model: The model. If it does not declare its ``data_shape``, a datum is drawn, without
            changing the caller's random state.

    Returns:
        The shape, without the batch.
    """
    shape = getattr(model, "data_shape", None)
    return tuple(draw(model, 1).shape[1:] if shape is None else shape)


def draw(model: PlottableModel, n: int) -> Tensor:
    """Draws data from a model's prior without changing the global random state.

    Args:
        model: The model.
        n: Number of data.

    Returns:
        The data, ``(n, *data_shape)``.
    """
    # Draws instead of means, since they may be encoded later, and a mean of counts is no count.
    options = {"draw": True} if "draw" in signature(model.sample).parameters else {}
    # Devices are named because fork_rng otherwise warns if a machine has several.
    cuda = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    with kept_random_state(cuda):
        data: Tensor = one_site(model.sample(n, **options))
        return data


def check_plane(figure: str, model: PlottableModel) -> torch.Size:
    """Checks that a model has one latent with two features.

    Args:
        figure: The name of the figure, for the message.
        model: The model. If it does not declare its ``latent_shape``, a datum is encoded.

    Returns:
        The latent's shape.

    Raises:
        ValueError: If it has several latents, or another number of features.
    """
    shape = getattr(model, "latent_shape", None)
    if shape is None:
        codes = encode(model, draw(model, 1))
        if isinstance(codes, dict):
            raise ValueError(
                f"{figure}: expected one latent with 2 features, got the latents {sorted(codes)}"
            )
        shape = codes.shape[1:]
    shape = torch.Size(shape)
    if shape.numel() != 2:
        raise ValueError(
            f"{figure}: expected a latent with 2 features, got {shape.numel()} (shape {tuple(shape)})"
        )
    return shape
