"""What the figures ask of a model, and the handling of codes that all of them share."""

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

Codes = Tensor | dict[str, Tensor]


class PlottableModel(Protocol):
    """Whatever encodes, decodes, reconstructs and samples, without gradients.

    A code is a tensor ``(n, *latent_shape)``, or a dict of them by site where the model has
    several latents; ``decode`` takes what ``encode`` gives. Both take tensors on any device. The
    attributes ``data_shape`` and
    ``latent_shape`` (shapes without the batch, or None) are used where a model has them.
    """

    def encode(self, x: Tensor, /) -> Any:
        """Codes of a batch."""

    def decode(self, z: Any, /) -> Any:
        """The likelihood distribution of a batch of codes."""

    def reconstruct(self, x: Tensor, /) -> Tensor:
        """The likelihood's mean at the codes of a batch."""

    def sample(self, n: int, /) -> Tensor:
        """Means of the likelihood at n draws from the prior."""


def check_batch(name: str, x: Tensor) -> None:
    """Raise unless an argument is a batch of data.

    Args:
        name: Of the argument, for the message.
        x: What was given.

    Raises:
        ValueError: Its shape is not ``(n, *data_shape)`` with n >= 1.
    """
    if x.ndim < 2 or not x.numel():
        raise ValueError(f"{name} must have shape (n, ...) with n >= 1, got {tuple(x.shape)}")


def encode(model: PlottableModel, x: Tensor) -> Codes:
    """The codes of a batch.

    Args:
        model: The model.
        x: ``(n, *data_shape)``.

    Returns:
        ``(n, *latent_shape)``, or a dict of such tensors where there are several latents.
    """
    codes = model.encode(x)
    return dict(codes) if isinstance(codes, Mapping) else codes


def decode(model: PlottableModel, codes: Codes) -> Tensor:
    """The means of the likelihood at codes.

    Args:
        model: The model.
        codes: As ``encode`` gives them, n codes.

    Returns:
        ``(n, *data_shape)``, on the CPU.
    """
    with torch.no_grad():
        return model.decode(codes).mean.cpu()


def one_latent(codes: Codes, site: str | None) -> Tensor:
    """The codes at one site.

    Args:
        codes: As ``encode`` gives them.
        site: Its name; needed only where there are several latents.

    Returns:
        ``(n, *latent_shape)`` of that site.

    Raises:
        ValueError: There are several latents and ``site`` names none of them, or there is one
            and ``site`` asks for another one than "z".
    """
    if not isinstance(codes, dict):
        if site not in (None, "z"):
            raise ValueError(f"site must be None or 'z' for a model with one latent, got {site!r}")
        return codes
    if site not in codes:
        raise ValueError(f"site must be one of {sorted(codes)}, got {site!r}")
    return codes[site]


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
    # Named devices: left to itself, fork_rng warns where a machine has several.
    cuda = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=list(cuda)):
        return model.sample(n)
