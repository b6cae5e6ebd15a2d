"""A distribution whose score is its log-density plus a loss, and so no longer a density."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor
from torch.distributions import Distribution

__all__ = ["Penalized"]


class _Nowhere(constraints.Constraint):
    """Holds no value."""

    is_discrete = False

    def check(self, value: Tensor) -> Tensor:
        return torch.zeros((), dtype=torch.bool, device=value.device)


class Penalized(TorchDistribution):
    r"""A distribution that is also scored by a loss of its mean.

    .. math:: \ell(x) = a \log p(x) - w \, L(x, E_p[x])

    Training maximises the score :math:`\ell`. It is not a log-density, since its exponential does
    not integrate to one and cannot be normalised; `not_a_density` tells reports so. Draws and
    moments are those of p.

    Args:
        base: The distribution p, with a mean.
        loss: The loss L. It takes values and means, each ``(*batch, *event)`` with any number of
            leading dimensions, and returns one number for each.
        weight: The weight w of the loss, in nats for one unit of it.
        likelihood_weight: The weight a of the log-density; 0 leaves only the loss.
        not_a_density: What to report about a site with this distribution, in words that follow
            "the likelihood of 'x'".
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    #: The values over which the exponential of the score integrates to one: none.
    normalized_support = _Nowhere()

    def __init__(
        self,
        base: Distribution,
        loss: Callable[[Tensor, Tensor], Tensor],
        *,
        weight: float = 1.0,
        likelihood_weight: float = 1.0,
        not_a_density: str = "has a loss beside it, and is no density",
    ) -> None:
        self.base, self.loss = base, loss
        self.weight, self.likelihood_weight = weight, likelihood_weight
        self.not_a_density = not_a_density
        super().__init__(base.batch_shape, base.event_shape, validate_args=False)

    def expand(self, batch_shape: Size, _instance: Any = None) -> "Penalized":
        """The same distribution for a larger batch."""
        return Penalized(
            self.base.expand(batch_shape),
            self.loss,
            weight=self.weight,
            likelihood_weight=self.likelihood_weight,
            not_a_density=self.not_a_density,
        )

    @property
    def support(self) -> Any:
        """The support of p."""
        return self.base.support

    @property
    def has_rsample(self) -> bool:
        """Whether draws of p carry gradients."""
        return bool(self.base.has_rsample)

    @property
    def mean(self) -> Tensor:
        """The mean of p."""
        return self.base.mean

    @property
    def variance(self) -> Tensor:
        """The variance of p."""
        return self.base.variance

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws from p."""
        return self.base.sample(Size(sample_shape))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws from p, with gradients."""
        return self.base.rsample(Size(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        """The score of values, which is not a log-density."""
        score = -self.weight * self.loss(value, self.base.mean)
        if self.likelihood_weight == 0:
            return score
        return self.likelihood_weight * self.base.log_prob(value) + score
