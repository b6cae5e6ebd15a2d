"""Relaxed categorical posterior."""

from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions.relaxed import RelaxedOneHot
from pyrovae.nn.network import Network
from pyrovae.posteriors.base import Posterior, latent_features_of

__all__ = ["RelaxedCategoricalPosterior"]


class RelaxedCategoricalPosterior(Posterior):
    r"""A relaxed one-hot categorical (concrete, Gumbel-softmax): a point inside the simplex.

    .. math:: z = \operatorname{softmax}\left((f(x) + g) / \tau\right), \quad g_k \sim
        \mathrm{Gumbel}

    Its draws carry gradients, and its density is that of the relaxed variable. The prior has to
    be a density on the simplex too, a `RelaxedCategoricalPrior`: the KL divergence between two
    categoricals, which some use in its place, is not a bound for the relaxed model (Maddison et
    al., section C.2). Encoding gives the mean of draws: the mean is not known in closed form.

    Maddison, Mnih and Teh, 2017, The concrete distribution, https://arxiv.org/abs/1611.00712;
    Jang, Gu and Poole, 2017, Categorical reparameterization with Gumbel-softmax,
    https://arxiv.org/abs/1611.01144.

    Args:
        network: From a datum to a logit for each category; there are ``latent_features``.
        temperature: The temperature :math:`\tau`.

    Raises:
        ValueError: If the network's output is not a vector of at least two, or the temperature
            is not positive.
    """

    latent_kind = "simplex"
    mean_known = False

    def __init__(self, network: Network, *, temperature: float = 0.67) -> None:
        super().__init__()
        features = latent_features_of(RelaxedCategoricalPosterior, network)
        if features < 2:
            raise ValueError(f"latent_features: expected at least 2 categories, got {features}")
        if not temperature > 0:
            raise ValueError(f"temperature: expected a positive number, got {temperature}")
        self.data_shape = network.in_shape
        self.latent_shape = Size([features])
        self.network = network
        self.temperature: Tensor
        self.register_buffer("temperature", torch.tensor(float(temperature)))

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        return RelaxedOneHot(self.temperature, logits=self.network(x))

    @classmethod
    def network_shape(cls, latent_features: int, **options: Any) -> Size:
        """A logit for each category."""
        return Size([latent_features])
