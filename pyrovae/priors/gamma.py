"""Gamma prior."""

import torch
from torch import Tensor
from torch.distributions import Distribution

from pyrovae.distributions import Gamma
from pyrovae.distributions.special import at_least_single
from pyrovae.nn.network import Shape, as_size
from pyrovae.priors.base import Prior

__all__ = ["GammaPrior"]

LARGEST = 1e6


class GammaPrior(Prior):
    r"""Independent gamma variables, for latents that are positive quantities.

    .. math:: p(z) = \prod_d \operatorname{Gamma}(z_d; a, b)

    The matching posteriors are those over positive numbers, such as `GammaPosterior`. With a shape
    below 1, most variables are close to zero and a few are large.

    Ranganath, Tang, Charlin and Blei, 2015, Deep exponential families,
    https://arxiv.org/abs/1411.2581.

    Args:
        latent_features: Number of latent variables; or the shape of a latent, such as a map
            (channels, height, width).
        concentration: The shape a, from 0.1 to 1e6.
        rate: The rate b, from 1e-6 to 1e6.

    Raises:
        ValueError: If the shape or the rate is out of range.
    """

    latent_kind = "bounded"
    positive_buffers = (
        "shapes",
        "rates",
    )

    def __init__(
        self, latent_features: Shape, *, concentration: float = 1.0, rate: float = 1.0
    ) -> None:
        super().__init__()
        self.latent_shape = as_size(latent_features, "latent_features")
        for name, value, low in (("concentration", concentration, 0.1), ("rate", rate, 1e-6)):
            if not low <= value <= LARGEST:
                raise ValueError(f"{name}: expected a number from {low:g} to 1e6, got {value}")
        self.shapes: Tensor
        self.rates: Tensor
        for name, value in (("shapes", concentration), ("rates", rate)):
            self.register_buffer(name, torch.full(self.latent_shape, float(value)))

    def forward(self) -> Distribution:
        """Returns the gamma variables, with event shape ``latent_shape``."""
        shapes, rates = at_least_single(self.shapes), at_least_single(self.rates)
        return Gamma(shapes, rates).to_event(shapes.dim())
