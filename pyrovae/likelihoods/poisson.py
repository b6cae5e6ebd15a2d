"""Poisson likelihood."""

from typing import Any

from torch import Tensor

from pyrovae.distributions import Poisson
from pyrovae.likelihoods.one_parameter import OneParameterLikelihood
from pyrovae.nn.positive import positive

__all__ = ["PoissonLikelihood"]


class PoissonLikelihood(OneParameterLikelihood):
    r"""Independent counts with rates from a network.

    .. math:: p(x \mid z) = \prod_d \frac{\lambda_d^{x_d} e^{-\lambda_d}}{x_d!},
        \quad \lambda = \log(1 + e^{f(z)}) + 10^{-6}

    The data are whole numbers of at least 0, as floating values or integers in a NumPy file. Only
    8-bit integers are taken for grey levels and divided by 255: give small counts another type
    (``counts.astype("float32")``). Divided data are refused, as values that are no whole numbers.

    Args:
        network: From a latent to the rates before they are made positive, with ``out_shape`` that
            of one datum.

    Raises:
        ValueError: If the network does not declare its shapes.
    """

    counts = independent_counts = True

    def variables(self, parameters: Tensor) -> Any:
        """The variables' distribution from the network's output."""
        return Poisson(positive(parameters))
