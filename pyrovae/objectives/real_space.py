"""The latents of a program, concatenated to a single vector in real space."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, Transform, biject_to

from pyrovae.distributions.unwrap import family
from pyrovae.latents import is_point_mass

__all__ = ["RealSpace"]


class _Latent(NamedTuple):
    """One latent site and its layout in the vector."""

    name: str
    transform: Transform
    shape: Size  # of one datum's value in the real space


class RealSpace:
    r"""Maps the latents of a program to one real vector :math:`u` and back, :math:`z = T(u)`.

    T is the transform that ``torch.distributions.biject_to`` gives for the support of each latent,
    so that :math:`\log p(u) = \log p(z) + \log \lvert \det \partial T / \partial u \rvert`.

    Args:
        sites: The latents' sites in a trace.
        leading: The number of batch dimensions of their values.
        what: Name of the caller, for error messages.

    Raises:
        ValueError: If a latent is discrete or a point mass, or if no transform maps a real space
            to its support (a sphere). The message names the site.
    """

    def __init__(self, sites: Sequence[Any], *, leading: int, what: str) -> None:
        self.leading = leading
        self._latents = [_latent(site, leading, what) for site in sites]
        self.names = [latent.name for latent in self._latents]

    def position(self, values: Mapping[str, Tensor]) -> Tensor:
        """Returns the vector ``(*batch, D)`` of the latents' values, which are given by site."""
        parts = [latent.transform.inv(values[latent.name]) for latent in self._latents]
        flat = [
            part.flatten(self.leading) if part.dim() > self.leading else part.unsqueeze(-1)
            for part in parts
        ]
        return torch.cat(flat, dim=-1)

    def values(self, position: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Returns values and log-volumes ``(*batch,)`` by site, at a position ``(*batch, D)``."""
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
        """Sums numbers of coordinates, ``(*batch, D)``, over the coordinates of each site."""
        return {
            name: part.sum(-1) for name, part in zip(self.names, self._parts(numbers), strict=True)
        }

    def _parts(self, position: Tensor) -> tuple[Tensor, ...]:
        return position.split([latent.shape.numel() for latent in self._latents], dim=-1)


def _latent(site: Any, leading: int, what: str) -> _Latent:
    name, fn = site["name"], site["fn"]
    if is_point_mass(fn):
        raise ValueError(f"site {name!r}: a point mass has no density to move along")
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
            f"site {name!r}: there is no transform from real space to the support of "
            f"{family(fn)}; {advice}"
        ) from None
