"""The codes of data: a tensor, or a dict of tensors by site if there are several latents."""

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
#: The number of data that go through a model in one run.
AT_ONCE = 1000


class Coder(Protocol):
    """Any object that encodes and decodes, without gradients.

    A code is a tensor ``(n, *latent_shape)``, or a dict of such tensors by site if the model has
    several latents; ``decode`` takes what ``encode`` returns. Both accept tensors on any device.
    """

    def encode(self, x: Tensor, /) -> Any:
        """Returns the codes of a batch."""

    def decode(self, z: Any, /) -> Any:
        """Returns the likelihood distribution for a batch of codes."""


def check_batch(name: str, x: Tensor) -> None:
    """Checks that an argument is a batch of data.

    Args:
        name: Name of the argument, for the message.
        x: The argument.

    Raises:
        ValueError: If its shape is not ``(n, *data_shape)`` with n >= 1.
    """
    if x.ndim < 2 or not x.numel():
        raise ValueError(f"{name}: expected shape (n, ...) with n >= 1, got {tuple(x.shape)}")


def encode(model: Coder, x: Tensor) -> Codes:
    """Encodes a batch of any size.

    Args:
        model: The model.
        x: The data, ``(n, *data_shape)``.

    Returns:
        The codes, ``(n, *latent_shape)``, or a dict of such tensors if there are several latents.
    """
    parts = [model.encode(part) for part in x.split(AT_ONCE)]
    if isinstance(parts[0], Mapping):
        return {site: torch.cat([part[site] for part in parts]) for site in parts[0]}
    return torch.cat(parts)


def decode(model: Coder, codes: Codes) -> Tensor:
    """Decodes any number of codes to means of the likelihood.

    If the mean has no closed form, as for variables that are drawn one after another, a draw
    replaces it, and a warning says so.

    Args:
        model: The model.
        codes: The n codes, as returned by ``encode``.

    Returns:
        The means, ``(n, *data_shape)``, on the CPU.

    Raises:
        ValueError: If the model has several data sites.
    """
    with torch.no_grad():
        made = (one_site(model.decode(part)) for part in _split(codes))
        return torch.cat([mean_or_draw("x", x).cpu() for x in made])


def has_mean(model: Coder, codes: Codes) -> bool:
    """Whether the mean of the likelihood at a code has a closed form."""
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
    """Returns what a model says about its one data site.

    Args:
        found: The result of its ``sample``, ``decode`` or ``reconstruct``.

    Raises:
        ValueError: If that is a dict, since the model has several data sites.
    """
    if isinstance(found, Mapping):
        raise ValueError(
            f"the model has the data sites {', '.join(map(repr, found))}: choose one of them, such as "
            f"model.only({next(iter(found))!r})"
        )
    return found


def _split(codes: Codes) -> Iterator[Codes]:
    if isinstance(codes, Tensor):
        yield from codes.split(AT_ONCE)
        return
    for parts in zip(*(code.split(AT_ONCE) for code in codes.values()), strict=True):
        yield dict(zip(codes, parts, strict=True))


def one_latent(codes: Codes, site: str | None) -> Tensor:
    """Returns the codes at one site.

    Args:
        codes: The codes, as returned by ``encode``.
        site: Name of the site; needed only if there are several latents.

    Returns:
        The codes of that site, ``(n, *latent_shape)``.

    Raises:
        ValueError: If there are several latents and ``site`` names none of them, or there is one
            latent and ``site`` is a name other than "z".
    """
    if not isinstance(codes, dict):
        if site not in (None, "z"):
            raise ValueError(
                f"site: expected None or 'z' for a model with one latent, got {site!r}"
            )
        return codes
    if site not in codes:
        raise ValueError(f"site: expected one of {sorted(codes)}, got {site!r}")
    return codes[site]
