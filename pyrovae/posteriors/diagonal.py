"""The diagonal normal that most posteriors return or start from."""

from typing import Any

from torch import Tensor

from pyrovae.distributions import Normal
from pyrovae.distributions.normal import resolvable
from pyrovae.distributions.special import at_least_single
from pyrovae.nn.positive import positive

__all__ = ["diagonal_normal"]


def diagonal_normal(loc: Tensor, raw_scale: Tensor, *, event_dim: int = 1) -> Any:
    r"""The diagonal normal with parameters from a network.

    .. math:: N(\mu, \operatorname{diag} \sigma^2), \quad
        \sigma = \max\left(\log(1 + e^r) + 10^{-6}, \; 2^{-16} |\mu|\right)

    The lower bound on a scale keeps the noise of a draw visible in single precision; see
    `resolvable`.

    Args:
        loc: The means, ``(*batch, *latent_shape)``.
        raw_scale: The scales before they are made positive, in the same shape.
        event_dim: Number of dimensions of a latent.
    """
    loc, raw_scale = at_least_single(loc), at_least_single(raw_scale)
    return Normal(loc, resolvable(positive(raw_scale), loc)).to_event(event_dim)
