"""Poisson likelihood."""

from typing import Any

from torch import Tensor

from pyrovae.distributions import Poisson
from pyrovae.likelihoods.one_parameter import OneParameterLikelihood
from pyrovae.nn.positive import positive

__all__ = ["PoissonLikelihood"]


class PoissonLikelihood(OneParameterLikelihood):
    r"""Independent counts whose rates come from a network.

    .. math:: p(x \mid z) = \prod_d \frac{\lambda_d^{x_d} e^{-\lambda_d}}{x_d!},
        \quad \lambda = \log(1 + e^{f(z)}) + 10^{-6}

    The data are whole numbers of at least 0, as floats or integers of any type. 8-bit integers,
    which are read as grey levels elsewhere, are counts here. Values that are not whole are
    refused.

    Args:
        network: Maps a latent to the rates before they are made positive; its ``out_shape`` is the
            shape of one datum.

    Raises:
        ValueError: If the network does not declare its shapes.
    """

    counts = independent_counts = True

    def variables(self, parameters: Tensor) -> Any:
        """Returns the distribution of the variables, given the network's output."""
        return Poisson(positive(parameters))
