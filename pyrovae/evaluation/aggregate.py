"""The density of the aggregated posterior of all data, and of its marginals."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import LowRankMultivariateNormal, MultivariateNormal, Normal

from pyrovae.distributions.unwrap import family, unblocked
from pyrovae.objectives.terms import per_feature

__all__ = ["AggregatedPosterior"]

#: The number of densities that are computed at once.
AT_ONCE = 4_000_000


class AggregatedPosterior:
    r"""The mixture of the posteriors of N data, each with weight 1/N.

    .. math:: q(z) = \frac{1}{N} \sum_{n=1}^{N} q(z \mid x_n)

    Args:
        sites: The latent's site in the guide's trace, one for each batch.
    """

    def __init__(self, sites: Sequence[Any]) -> None:
        self._sites = sites
        self.data = sum(len(site["value"]) for site in sites)

    def log_prob(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        r"""The log-density, and the log-density of the product of the marginals.

        Args:
            z: Values, ``(Q, *latent)``.

        Returns:
            :math:`\log q(z)` and :math:`\sum_d \log q(z_d)`, ``(Q,)``, in double precision. The
            second is None if the marginals of the posterior are not known, because it neither
            factorises over the latent's variables nor is a normal.

        Raises:
            ValueError: If a posterior has no density at the draws of another.
        """
        largest = max(site["value"].numel() for site in self._sites)
        parts = [self._at(part) for part in z.split(max(1, AT_ONCE // largest))]
        joint = torch.cat([part[0] for part in parts])
        if parts[0][1] is None:
            return joint, None
        return joint, torch.cat([part[1] for part in parts if part[1] is not None])

    def _at(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        joint, product = None, None
        for site in self._sites:
            each, features = _densities(site, z.unsqueeze(1))
            batch = each.double().logsumexp(1)
            joint = batch if joint is None else torch.logaddexp(joint, batch)
            if features is not None:
                batch = features.double().logsumexp(1)
                product = batch if product is None else torch.logaddexp(product, batch)
        if joint is None:
            raise ValueError("expected the posteriors of at least one batch, got none")
        if joint.isnan().any():
            name = self._sites[0]["name"]
            raise ValueError(
                f"site {name!r}: the posterior's density is NaN at the draws of other data"
            )
        scale = math.log(self.data)
        return joint - scale, None if product is None else (product - scale).sum(-1)


def _densities(site: Any, z: Tensor) -> tuple[Tensor, Tensor | None]:
    """The log-densities of values ``(Q, 1, *latent)`` under the posterior of each of B data.

    Returns those of the latent, ``(Q, B)``, and those of each of its variables, ``(Q, B, D)``, if
    they are known.
    """
    fn, base = site["fn"], unblocked(site["fn"])
    if not getattr(base, "density_everywhere", True):
        raise ValueError(
            f"site {site['name']!r}: {family(fn)} cannot evaluate its density at the draws of "
            "other data, so the density of the aggregate posterior is unknown"
        )
    if not base.event_shape:
        features = per_feature(site, base.log_prob(z))
        return features.sum(-1), features
    joint = fn.log_prob(z)
    if isinstance(base, MultivariateNormal | LowRankMultivariateNormal):
        return joint, per_feature(site, Normal(base.mean, base.stddev).log_prob(z))
    return joint, None
