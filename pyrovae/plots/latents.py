"""What the figures ask of a model, and what they know of its latents and data."""

from inspect import signature
from typing import Any, Protocol

import torch
from torch import Tensor

from pyrovae.latent_space.codes import Coder, encode, one_site
from pyrovae.scope import kept_random_state


class PlottableModel(Coder, Protocol):
    """Whatever encodes, decodes, reconstructs and samples, without gradients.

    The attributes ``data_shape`` and ``latent_shape`` (shapes without the batch, or None) are
    used where a model has them.
    """

    def reconstruct(self, x: Tensor, /) -> Any:
        """The likelihood's mean at the codes of a batch."""

    def sample(self, n: int, /) -> Any:
        """Means of the likelihood at n draws from the prior."""


def axis_name(dimension: int, site: str | None) -> str:
    """The name of one dimension of a latent in a figure.

    Args:
        dimension: Counted from 0.
        site: As the user gave it.

    Returns:
        z1 for the first dimension of the one latent "z"; with a site's name, as in Python, z2[0].
    """
    return f"z{dimension + 1}" if site in (None, "z") else f"{site}[{dimension}]"


def data_shape(model: PlottableModel) -> tuple[int, ...]:
    """The shape of one datum.

    Args:
        model: The model; one that does not declare its ``data_shape`` draws a datum, with the
            caller's random numbers left as they were.

    Returns:
        The shape, without the batch.
    """
    shape = getattr(model, "data_shape", None)
    return tuple(draw(model, 1).shape[1:] if shape is None else shape)


def draw(model: PlottableModel, n: int) -> Tensor:
    """Data from a model's prior that leave no trace in the global random state.

    Args:
        model: The model.
        n: How many.

    Returns:
        ``(n, *data_shape)``.
    """
    # What is encoded later has to be a datum, which a mean of counts is not.
    options = {"draw": True} if "draw" in signature(model.sample).parameters else {}
    # Named devices: left to itself, fork_rng warns where a machine has several.
    cuda = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    with kept_random_state(cuda):
        data: Tensor = one_site(model.sample(n, **options))
        return data


def check_plane(figure: str, model: PlottableModel) -> torch.Size:
    """Raise unless a model has one latent with two features.

    Args:
        figure: What needs it, for the message.
        model: The model; one that does not declare its ``latent_shape`` encodes a datum.

    Returns:
        The latent's shape.

    Raises:
        ValueError: It has several latents, or another number of features.
    """
    shape = getattr(model, "latent_shape", None)
    if shape is None:
        codes = encode(model, draw(model, 1))
        if isinstance(codes, dict):
            raise ValueError(
                f"{figure} needs one latent with 2 features, got the latents {sorted(codes)}"
            )
        shape = codes.shape[1:]
    shape = torch.Size(shape)
    if shape.numel() != 2:
        raise ValueError(
            f"{figure} needs a latent with 2 features, got {shape.numel()} (shape {tuple(shape)})"
        )
    return shape
