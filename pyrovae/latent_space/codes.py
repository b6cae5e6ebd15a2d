"""The codes of data: a tensor, or a dict of tensors by site where there are several latents."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from pyrovae.handlers import mean_or_draw

__all__ = [
    "AT_ONCE",
    "Coder",
    "Codes",
    "check_batch",
    "decode",
    "encode",
    "has_mean",
    "one_latent",
    "one_site",
]

Codes = Tensor | dict[str, Tensor]
#: How many data go through a model in one run.
AT_ONCE = 1000


class Coder(Protocol):
    """Whatever encodes and decodes, without gradients.

    A code is a tensor ``(n, *latent_shape)``, or a dict of them by site where the model has
    several latents; ``decode`` takes what ``encode`` gives. Both take tensors on any device.
    """

    def encode(self, x: Tensor, /) -> Any:
        """Codes of a batch."""

    def decode(self, z: Any, /) -> Any:
        """The likelihood distribution of a batch of codes."""


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


def encode(model: Coder, x: Tensor) -> Codes:
    """The codes of a batch of any size.

    Args:
        model: The model.
        x: ``(n, *data_shape)``.

    Returns:
        ``(n, *latent_shape)``, or a dict of such tensors where there are several latents.
    """
    parts = [model.encode(part) for part in x.split(AT_ONCE)]
    if isinstance(parts[0], Mapping):
        return {site: torch.cat([part[site] for part in parts]) for site in parts[0]}
    return torch.cat(parts)


def decode(model: Coder, codes: Codes) -> Tensor:
    """The means of the likelihood at codes, any number of them.

    Where it has none in closed form, as of variables one after another, a draw stands in for each,
    and a warning says so.

    Args:
        model: The model.
        codes: As ``encode`` gives them, n codes.

    Returns:
        ``(n, *data_shape)``, on the CPU.

    Raises:
        ValueError: If the model has several data sites.
    """
    with torch.no_grad():
        made = (one_site(model.decode(part)) for part in _split(codes))
        return torch.cat([mean_or_draw("x", x).cpu() for x in made])


def has_mean(model: Coder, codes: Codes) -> bool:
    """Whether the likelihood at a code has its mean in closed form."""
    first = (
        {name: code[:1] for name, code in codes.items()} if isinstance(codes, dict) else codes[:1]
    )
    try:
        with torch.no_grad():
            one_site(model.decode(first)).mean  # noqa: B018
    except NotImplementedError:
        return False
    return True


def one_site(found: Any) -> Any:
    """What a model says of its one data site.

    Args:
        found: What its ``sample``, ``decode`` or ``reconstruct`` gave.

    Raises:
        ValueError: If that is a dict, since the model has several data sites.
    """
    if isinstance(found, Mapping):
        raise ValueError(
            f"the model has the data sites {', '.join(map(repr, found))}: give it as it is seen "
            f"at one of them, model.only({next(iter(found))!r})"
        )
    return found


def _split(codes: Codes) -> Iterator[Codes]:
    if isinstance(codes, Tensor):
        yield from codes.split(AT_ONCE)
        return
    for parts in zip(*(code.split(AT_ONCE) for code in codes.values()), strict=True):
        yield dict(zip(codes, parts, strict=True))


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
