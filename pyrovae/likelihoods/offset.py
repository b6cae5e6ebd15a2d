"""A likelihood of counts whose means are multiplied by a size factor."""

from typing import Any

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions.special import at_least_single
from pyrovae.distributions.unwrap import unblocked
from pyrovae.likelihoods.base import Likelihood
from pyrovae.likelihoods.counted import check_counted

__all__ = ["OffsetLikelihood"]

# Keeps the means within single precision.
LARGEST_OFFSET = 40.0


class OffsetLikelihood(Likelihood):
    r"""A likelihood of counts whose means are multiplied by each datum's size factor.

    .. math:: E[x_d \mid z, o] = e^{o} \, \mu_d(z)

    The offset o is the logarithm of the size factor: how deep a cell was sequenced, how long an
    interval was, how large a population is. It is the last number of the likelihood's input, after
    the latents of the wrapped likelihood. The offset is

    * observed, if it comes from the data: the last number of the condition of a `ConditionalVAE`,
      such as ``x.sum(-1).log()`` minus its mean (`Covariates` puts numbers last);
    * a latent variable, if it comes from the prior: in a `VAE`, the last latent variable.

    The dispersion of a negative binomial and the share of added zeros do not change. Counts given
    their total (`MultinomialLikelihood`) need no offset.

    McCullagh and Nelder, 1989, Generalized linear models, https://doi.org/10.1201/9780203753736
    (offsets); Lopez, Regier, Cole, Jordan and Yosef, 2017, A deep generative model for gene
    (offsets); Lopez, Regier, Cole, Jordan and Yosef, 2017, A deep generative model for gene
    expression profiles from single-cell RNA sequencing, https://arxiv.org/abs/1709.02082 (a latent
    offset).

    Args:
        likelihood: A likelihood of independent counts whose latents are a vector.

    Raises:
        ValueError: If it is not such a likelihood.
    """

    counts = independent_counts = True

    def __init__(self, likelihood: Likelihood) -> None:
        super().__init__()
        latents, self.data_shape = check_counted(likelihood)
        if len(latents) != 1:
            raise ValueError(
                "likelihood: expected one whose latents are a vector, to which the offset is "
                f"appended, got latents of shape {tuple(latents)}"
            )
        self.latent_shape = Size([latents[0] + 1])
        self.likelihood = likelihood

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z, o) for latents and offset, ``(*batch, latents + 1)``."""
        p = self.likelihood(z[..., :-1])
        offset = at_least_single(z[..., -1]).clamp(-LARGEST_OFFSET, LARGEST_OFFSET)
        factor = offset.exp().reshape(*offset.shape, *[1] * len(p.event_shape))
        each: Any = unblocked(p)
        return each.scaled(factor).to_event(len(p.event_shape))
