"""The base class of likelihoods that are combined with a loss."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.distributions import Penalized
from pyrovae.distributions.special import at_least_single
from pyrovae.likelihoods.base import Likelihood
from pyrovae.likelihoods.parameters import shape_within

__all__ = ["PenalizedLikelihood"]


class PenalizedLikelihood(Likelihood):
    """A likelihood plus a loss that compares its mean with the data.

    Subclasses implement `loss`. The sum of the two is only for training: it is not a log-density,
    and reports call the bound and the log-likelihood undefined.

    Args:
        likelihood: The likelihood; the loss compares its mean with the data.
        weight: Weight of the loss, in nats per unit of the loss.
        likelihood_weight: Weight of the log-density. With 0 only the loss is trained, and
            parameters of the likelihood that do not affect its mean, such as a scale, stay as they
            are.

    Raises:
        ValueError: If the likelihood does not declare its shapes, or a weight is negative or not
            finite.
    """

    #: Name of the loss in reports.
    loss_name: str

    def __init__(
        self, likelihood: Likelihood, *, weight: float = 1.0, likelihood_weight: float = 1.0
    ) -> None:
        super().__init__()
        for name, value in (("weight", weight), ("likelihood_weight", likelihood_weight)):
            if not 0 <= value < float("inf"):
                raise ValueError(f"{name}: expected a number of at least 0, got {value}")
        if likelihood.latent_shape is None or likelihood.data_shape is None:
            raise ValueError(
                "likelihood: expected one that declares data_shape and latent_shape, got "
                f"{type(likelihood).__name__}"
            )
        self.latent_shape, self.data_shape = likelihood.latent_shape, likelihood.data_shape
        self.likelihood = likelihood
        self.weight, self.likelihood_weight = weight, likelihood_weight

    @abstractmethod
    def loss(self, x: Tensor, mean: Tensor) -> Tensor:
        """Returns the loss of means given data, ``(n, *data_shape)`` each; shape ``(n,)``."""

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) with the loss, for latents ``(*batch, *latent_shape)``."""
        return Penalized(
            self.likelihood(z),
            self._broadcast,
            weight=self.weight,
            likelihood_weight=self.likelihood_weight,
            not_a_density=f"has a loss of {self.loss_name} beside it, and is no density",
        )

    def _broadcast(self, x: Tensor, mean: Tensor) -> Tensor:
        """Returns the loss for any leading dimensions."""
        mean = at_least_single(mean)
        x, mean = torch.broadcast_tensors(x.to(mean.dtype), mean)
        leading = mean.shape[: mean.dim() - len(self.data_shape or ())]
        event = mean.shape[len(leading) :]
        return self.loss(x.reshape(-1, *event), mean.reshape(-1, *event)).reshape(leading)

    @classmethod
    def network_shape(cls, data_shape: Size, **options: Any) -> Size:
        """The shape that the wrapped likelihood needs."""
        return shape_within(data_shape, options)
