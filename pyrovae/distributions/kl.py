"""Closed-form KL divergences that PyTorch and Pyro lack."""

import torch
from torch import Tensor
from torch.distributions import (
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    kl_divergence,
    register_kl,
)

__all__: list[str] = []


@register_kl(MultivariateNormal, Independent)
@register_kl(LowRankMultivariateNormal, Independent)
def _correlated_from_diagonal(q: MultivariateNormal, p: Independent) -> Tensor:
    """The KL divergence of a normal with full covariance from a diagonal one."""
    base = p.base_dist
    if not isinstance(base, Normal) or p.reinterpreted_batch_ndims != 1:
        raise NotImplementedError
    scale = torch.diag_embed(base.scale)
    return kl_divergence(q, MultivariateNormal(base.loc, scale_tril=scale, validate_args=False))
