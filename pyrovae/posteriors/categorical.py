"""Categorical posterior."""

from typing import Any

import pyro.distributions as dist
from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions.special import normalized
from pyrovae.nn.network import Network
from pyrovae.posteriors.base import Posterior, latent_features_of

__all__ = ["CategoricalPosterior"]


class CategoricalPosterior(Posterior):
    r"""A single categorical variable, as a one-hot vector.

    .. math:: q(z = e_k \mid x) = \operatorname{softmax}(f(x))_k

    The draws carry no gradient, so an `ELBO` uses the score function. `EnumeratedELBO` sums over
    all categories exactly instead.

    The matching prior is a `CategoricalPrior`. Encoding returns the probabilities, which are the
    mean of the one-hot vector. For several categorical variables use the model `CategoricalVAE`,
    which gives each its own sample site: Pyro cannot enumerate several variables in one site.

    Kingma, Mohamed, Rezende and Welling, 2014, Semi-supervised learning with deep generative
    models, https://arxiv.org/abs/1406.5298 (q(y|x)).

    Args:
        network: Maps a datum to ``latent_features`` logits, one for each category.

    Raises:
        ValueError: If the network's output is not a vector of at least two numbers.
    """

    latent_kind = "discrete"

    def __init__(self, network: Network) -> None:
        super().__init__()
        features = latent_features_of(CategoricalPosterior, network)
        if features < 2:
            raise ValueError(f"latent_features: expected at least 2 categories, got {features}")
        self.data_shape = network.in_shape
        self.latent_shape = Size([features])
        self.network = network

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        return dist.OneHotCategorical(logits=normalized(self.network(x)))

    @classmethod
    def network_shape(cls, latent_features: int, **options: Any) -> Size:
        """One logit for each category."""
        return Size([latent_features])
