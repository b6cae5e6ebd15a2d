"""Continuous Bernoulli likelihood."""

from typing import Any

from torch import Tensor

from pyrovae.distributions import ContinuousBernoulli
from pyrovae.likelihoods.one_parameter import OneParameterLikelihood

__all__ = ["ContinuousBernoulliLikelihood"]


class ContinuousBernoulliLikelihood(OneParameterLikelihood):
    r"""Independent variables on [0, 1] with a normalised, Bernoulli-shaped density.

    .. math:: p(x \mid z) = \prod_d C(\lambda_d) \lambda_d^{x_d} (1 - \lambda_d)^{1 - x_d},
        \quad \lambda = \operatorname{sigmoid}(f(z))

    with :math:`C(\lambda) = 2 \operatorname{artanh}(1 - 2\lambda) / (1 - 2\lambda)` (2 at one
    half), the constant that the Bernoulli lacks to be a density of grey levels. Density, mean,
    variance and draws are computed from the logits and are accurate for logits from -1e8 to 1e8.

    Loaiza-Ganem and Cunningham, 2019, The continuous Bernoulli: fixing a pervasive error in
    variational autoencoders, https://arxiv.org/abs/1907.06845.

    Args:
        network: Maps a latent to the logits; its ``out_shape`` is the shape of one datum.

    Raises:
        ValueError: If the network does not declare its shapes.
    """

    def variables(self, parameters: Tensor) -> Any:
        """Returns the distribution of the variables, given the network's output."""
        return ContinuousBernoulli(parameters)
