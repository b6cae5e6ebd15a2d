"""Bernoulli likelihood."""

from typing import Any

from torch import Tensor

from pyrovae.distributions import GreyBernoulli
from pyrovae.likelihoods.one_parameter import OneParameterLikelihood

__all__ = ["BernoulliLikelihood"]


class BernoulliLikelihood(OneParameterLikelihood):
    r"""Independent binary variables with logits from a network.

    .. math:: \log p(x \mid z) = \sum_d x_d \log \mu_d + (1 - x_d) \log (1 - \mu_d),
        \quad \mu = \operatorname{sigmoid}(f(z))

    Values between 0 and 1 are accepted, as the field does with grey images; the number is then a
    cross-entropy and not a log-likelihood, and reports say so.

    Kingma and Welling, 2014, Auto-encoding variational Bayes, https://arxiv.org/abs/1312.6114.

    Args:
        network: From a latent to the logits, with ``out_shape`` that of one datum.

    Raises:
        ValueError: If the network does not declare its shapes.
    """

    def variables(self, parameters: Tensor) -> Any:
        """The variables' distribution from the network's output."""
        return GreyBernoulli(logits=parameters)
