"""A bound that draws equally often from each component of a mixture."""

import math
from typing import Any

import torch
from pyro.poutine import Trace
from torch import Tensor

from pyrovae.distributions import ExpertMixture
from pyrovae.handlers import Strata, is_latent
from pyrovae.objectives.base import Program
from pyrovae.objectives.particles import ParticleObjective

__all__ = ["StratifiedELBO"]


class StratifiedELBO(ParticleObjective):
    r"""The mean of the importance-weighted bounds of a mixture's components.

    .. math:: \sum_{m=1}^{M} w_m \, \log \frac{1}{L} \sum_{l=1}^{L}
        \frac{p(x, z_{ml})}{q(z_{ml} \mid x)}, \quad z_{ml} \sim q_m(z \mid x), \quad
        q = \sum_m w_m q_m, \quad L = K / M

    If the guide is a mixture of experts (`MixturePosterior`, `MixtureOfProductsPosterior`), each
    component gets the same number of the K particles. With one particle per component it is the
    `ELBO` with less noise; with more, it is the bound that the MMVAE is trained with. For any
    other guide it is `ImportanceWeightedELBO`.

    Shi, Siddharth, Paige and Torr, 2019, Variational mixture-of-experts autoencoders for multi-modal
    deep generative models, https://arxiv.org/abs/1911.03393; Morningstar, Vikram, Ham, Gallagher and
    Dillon, 2021, Automatic differentiation variational inference with mixtures,
    https://arxiv.org/abs/2003.01687.

    Args:
        num_particles: Number of draws :math:`K` for each datum, over all components.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: At the first call, if the number of components does not divide the number of
            particles, several latents are mixtures, or a component's draws carry no gradient. The
            message names the site.
    """

    def __init__(self, *, num_particles: int = 6, max_plate_nesting: int = 1) -> None:
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)

    def bound(self, log_weights: Tensor) -> Tensor:
        """Returns the logarithm of the mean weight, ``(B,)``; only used for other guides."""
        return log_weights.logsumexp(0) - math.log(len(log_weights))

    def bound_and_surrogate(self, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
        """The bound and its surrogate, summed over the batch."""
        mixtures = [
            site
            for site in guide_trace.nodes.values()
            if is_latent(site) and isinstance(site["fn"], ExpertMixture)
        ]
        if not mixtures:
            return super().bound_and_surrogate(model_trace, guide_trace)
        if len(mixtures) > 1 or not mixtures[0]["fn"].has_rsample:
            names = [site["name"] for site in mixtures]
            raise ValueError(
                f"sites {names}: expected exactly one mixture, with reparameterised components; "
                "use ELBO"
            )
        weights = self.log_weights(model_trace, guide_trace)
        if weights.scores is not None:
            raise ValueError(
                f"expected all latents other than the mixture at site {mixtures[0]['name']!r} to "
                "be reparameterised; use ELBO"
            )
        shares = mixtures[0]["fn"].weights
        shares = shares.reshape(-1, *shares.shape[-2:])[0].movedim(-1, 0)  # equal in all particles
        grouped = weights.values.unflatten(0, (len(shares), -1))
        # A component of weight 0 must not contribute, even if its importance weights are infinite.
        grouped = torch.where(shares[:, None] > 0, grouped, 0.0)
        each = grouped.logsumexp(1) - math.log(grouped.shape[1])
        bound = (weights.scale * shares * each).sum()
        return bound, bound

    def _get_trace(
        self, model: Program, guide: Program, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Trace, Trace]:
        strata = Strata(self.num_particles)
        return super()._get_trace(model, strata(guide), args, kwargs)
