"""The latents of a program, side by side as one vector of a real space."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, Transform, biject_to

from pyrovae.distributions.unwrap import family
from pyrovae.latents import is_point_mass

__all__ = ["RealSpace"]


class _Latent(NamedTuple):
    """One latent site: how its values lie in the position."""

    name: str
    transform: Transform
    shape: Size  # of one datum's value in the real space


class RealSpace:
    r"""Latents as one vector :math:`u`, :math:`z = T(u)`.

    T is the transform that ``torch.distributions.biject_to`` gives for the support of each, so that
    :math:`\log p(u) = \log p(z) + \log \lvert \det \partial T / \partial u \rvert`.

    Args:
        sites: The latents' sites in a trace of the model.
        leading: The number of batch dimensions of their values.
        what: Who asks, for a message.

    Raises:
        ValueError: If a latent is discrete, a point, or has a support (a sphere) with no map from a
            real space. The site is named.
    """

    def __init__(self, sites: Sequence[Any], *, leading: int, what: str) -> None:
        self.leading = leading
        self._latents = [_latent(site, leading, what) for site in sites]
        self.names = [latent.name for latent in self._latents]

    def position(self, values: Mapping[str, Tensor]) -> Tensor:
        """The vector of values of the latents, by site: ``(*batch, D)``."""
        parts = [latent.transform.inv(values[latent.name]) for latent in self._latents]
        flat = [
            part.flatten(self.leading) if part.dim() > self.leading else part.unsqueeze(-1)
            for part in parts
        ]
        return torch.cat(flat, dim=-1)

    def values(self, position: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The values at a position, ``(*batch, D)``, and the log-volume there, ``(*batch,)``, by site."""
        values, volumes = {}, {}
        for (name, transform, shape), part in zip(
            self._latents, self._parts(position), strict=True
        ):
            u = part.unflatten(-1, shape or (1,))
            u = u if shape else u.squeeze(-1)
            z = transform(u)
            volume = transform.log_abs_det_jacobian(u, z)
            lead = self.leading
            volumes[name] = volume.flatten(lead).sum(-1) if volume.dim() > lead else volume
            values[name] = z
        return values, volumes

    def sums(self, numbers: Tensor) -> dict[str, Tensor]:
        """The sum of numbers of coordinates, ``(*batch, D)``, over those of each site."""
        return {
            name: part.sum(-1) for name, part in zip(self.names, self._parts(numbers), strict=True)
        }

    def _parts(self, position: Tensor) -> tuple[Tensor, ...]:
        return position.split([latent.shape.numel() for latent in self._latents], dim=-1)


def _latent(site: Any, leading: int, what: str) -> _Latent:
    name, fn = site["name"], site["fn"]
    if is_point_mass(fn):
        raise ValueError(f"site {name!r}: a point has no density to move along")
    transform = _transform(name, fn, what)
    return _Latent(name, transform, transform.inv(site["value"]).shape[leading:])


def _transform(name: str, fn: Distribution, what: str) -> Transform:
    advice = f"{what} takes latents that are continuous and can be mapped from a real space"
    try:
        support: Any = fn.support
        if support.is_discrete:
            raise ValueError(f"site {name!r}: {family(fn)} is discrete; {advice}")
        return biject_to(support)
    except (NotImplementedError, AttributeError):
        raise ValueError(
            f"site {name!r}: no map to the support of {family(fn)}; {advice}"
        ) from None
