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
    r"""One categorical variable, as a one-hot vector.

    .. math:: q(z = e_k \mid x) = \operatorname{softmax}(f(x))_k

    Its draws carry no gradient: an `ELBO` uses the score function. To sum over all categories
    exactly instead, train with `EnumeratedELBO`.

    The prior is a `CategoricalPrior`. Encoding gives the probabilities, the one-hot vector's
    mean. Several categoricals are several sites, in the model `CategoricalVAE`: Pyro cannot
    enumerate several in one.

    Kingma, Mohamed, Rezende and Welling, 2014, Semi-supervised learning with deep generative
    models, https://arxiv.org/abs/1406.5298 (q(y|x)).

    Args:
        network: From a datum to a logit for each category; there are ``latent_features``.

    Raises:
        ValueError: If the network's output is not a vector of at least two.
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
        """A logit for each category."""
        return Size([latent_features])
