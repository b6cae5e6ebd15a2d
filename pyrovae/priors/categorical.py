"""Categorical prior."""

import pyro.distributions as dist
import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from pyrovae.distributions.special import normalized
from pyrovae.nn.network import as_size
from pyrovae.priors.base import Prior

__all__ = ["CategoricalPrior", "categories"]


class CategoricalPrior(Prior):
    r"""A single categorical variable, as a one-hot vector.

    .. math:: p(z = e_k) = \pi_k

    The matching posterior is a `CategoricalPosterior`. With few categories, the bound can be
    computed exactly by enumeration.

    Kingma, Mohamed, Rezende and Welling, 2014, Semi-supervised learning with deep generative
    models, https://arxiv.org/abs/1406.5298 (p(y)).

    Args:
        latent_features: Number of categories.
        learned: Whether the probabilities are trained; they start equal.

    Raises:
        ValueError: If there are fewer than 2 categories.
    """

    latent_kind = "discrete"

    def __init__(self, latent_features: int, *, learned: bool = False) -> None:
        super().__init__()
        self.latent_shape = categories(latent_features)
        self.logits: Tensor
        logits = torch.zeros(latent_features)
        if learned:
            self.register_parameter("logits", nn.Parameter(logits))
        else:
            self.register_buffer("logits", logits)

    def forward(self) -> Distribution:
        """Returns the categorical, with event shape ``(latent_features,)``."""
        return dist.OneHotCategorical(logits=normalized(self.logits))


def categories(latent_features: int) -> torch.Size:
    """Validates a number of categories and returns it as a latent shape.

    Raises:
        ValueError: If there are fewer than 2.
    """
    shape = as_size(latent_features, "latent_features")
    if latent_features < 2:
        raise ValueError(f"latent_features: expected at least 2 categories, got {latent_features}")
    return shape
