"""The importance-weighted bound for discrete latents."""

import math

import torch
from torch import Tensor

from pyrovae.objectives.importance_weighted import ImportanceWeightedELBO

__all__ = ["VIMCO"]


class VIMCO(ImportanceWeightedELBO):
    r"""The importance-weighted bound with a separate learning signal for each particle.

    .. math:: \nabla_\phi = \sum_{k=1}^{K} (\hat L - \hat L_{-k}) \nabla \log q(z_k \mid x)
        + \sum_{k=1}^{K} \tilde w_k \nabla \log w_k, \quad
        \hat L_{-k} = \log \frac{1}{K} \Big(\sum_{j \ne k} w_j
        + \exp \frac{1}{K - 1} \sum_{j \ne k} \log w_j\Big)

    Value and expected gradient are those of `ImportanceWeightedELBO`. The difference is in draws
    that are not reparameterised (discrete latents): their scores are multiplied by the particle's
    contribution to the bound instead of the whole bound, so the gradient varies far less. To
    compute the bound without a particle, its weight is replaced by the geometric mean of the
    others. Reparameterised latents keep the gradient through their draws.

    Mnih and Rezende, 2016, Variational inference for Monte Carlo objectives,
    https://arxiv.org/abs/1602.06725.

    Args:
        num_particles: Number of draws :math:`K` for each datum, at least 2.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If there are fewer than two particles; at the first call, if a site is outside
            the data's plate. The message names the site.
    """

    def __init__(self, *, num_particles: int = 5, max_plate_nesting: int = 1) -> None:
        if num_particles < 2:
            raise ValueError(f"num_particles: expected at least 2, got {num_particles}")
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)

    def learning_signals(self, log_weights: Tensor, bound: Tensor) -> Tensor:
        """Returns the contribution of each particle to the bound, ``(K, B)``."""
        k = len(log_weights)
        others = (log_weights.sum(0) - log_weights) / (k - 1)
        own = torch.eye(k, dtype=torch.bool, device=log_weights.device).unsqueeze(-1)
        without = torch.where(own, others.unsqueeze(1), log_weights.unsqueeze(0))
        return bound - (without.logsumexp(1) - math.log(k))
