"""A mixture of a few distributions of any family, with fixed weights."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor
from torch.distributions import Distribution

__all__ = ["ExpertMixture"]


class ExpertMixture(TorchDistribution):
    r"""A mixture whose components may be of different families; its weights have no gradient.

    .. math:: p(z) = \sum_m w_m \, p_m(z)

    A draw comes from a component chosen with probability :math:`w_m`. Since this choice depends on
    no parameter, draws are reparameterised if those of the components are: the gradient of an
    expectation is the mean of the gradients through the chosen components.

    Args:
        components: The distributions, with the same batch and event shape.
        weights: Non-negative weights, ``(*batch, M)`` or ``(M,)``, that sum to 1 over the
            components.
        validate_args: Whether to check values.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        components: Sequence[Distribution],
        weights: Tensor,
        *,
        validate_args: bool | None = None,
    ) -> None:
        first = components[0]
        batch = torch.broadcast_shapes(*(p.batch_shape for p in components), weights.shape[:-1])
        self.components: tuple[Any, ...] = tuple(p.expand(batch) for p in components)
        self.weights = weights.detach().expand(*batch, len(components))
        super().__init__(batch, first.event_shape, validate_args=validate_args)

    @property
    def has_rsample(self) -> bool:
        """Whether draws carry a gradient, as they do if those of all components do."""
        return all(p.has_rsample for p in self.components)

    @property
    def support(self) -> constraints.Constraint:
        """The support of each component."""
        return self.components[0].support

    def expand(self, batch_shape: Size, _instance: Any = None) -> "ExpertMixture":
        """The same distribution for a larger batch."""
        new = self._get_checked_instance(ExpertMixture, _instance)
        batch_shape = Size(batch_shape)
        new.components = tuple(p.expand(batch_shape) for p in self.components)
        new.weights = self.weights.expand(*batch_shape, len(self.components))
        super(ExpertMixture, new).__init__(batch_shape, self.event_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    @property
    def mean(self) -> Tensor:
        """The weighted mean of the components' means."""
        return self._averaged([p.mean for p in self.components])

    @property
    def variance(self) -> Tensor:
        """The variance of each variable, within the components and between them."""
        # Not E[z^2] - E[z]^2, which cancels where the means are large.
        mean = self.mean
        return self._averaged([p.variance + (p.mean - mean).square() for p in self.components])

    def _averaged(self, values: list[Tensor]) -> Tensor:
        weights = self.weights.movedim(-1, 0)
        weights = weights.reshape(*weights.shape, *[1] * len(self.event_shape))
        # A component with weight 0 does not contribute, whatever its moments.
        return (weights * torch.where(weights > 0, torch.stack(values), 0.0)).sum(0)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density, ``(*batch,)``."""
        if self._validate_args:
            self._validate_sample(value)
        each = torch.stack([p.log_prob(value) for p in self.components], -1)
        # A component with weight 0 does not contribute, whatever its density; the logarithm of
        # its weight would make the gradient NaN.
        some = self.weights > 0
        logs = torch.where(some, self.weights, 1.0).log()
        return torch.where(some, each + logs, -torch.inf).logsumexp(-1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws samples with gradients, each from a randomly chosen component."""
        shape = Size(sample_shape) + self.batch_shape
        choice = torch.multinomial(
            self.weights.expand(*shape, len(self.components)).reshape(-1, len(self.components)), 1
        )
        return self.draw(choice.reshape(shape), sample_shape)

    def draw(self, choice: Tensor, sample_shape: Any = ()) -> Tensor:
        """Draws samples with gradients, each from a given component.

        Args:
            choice: The index of the component of each draw, ``(*sample_shape, *batch)``.
            sample_shape: Shape of the draws.
        """
        draws = torch.stack([_drawn(p, Size(sample_shape)) for p in self.components])
        index = choice.reshape(1, *choice.shape, *[1] * len(self.event_shape))
        return draws.gather(0, index.expand(1, *draws.shape[1:]))[0]

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws without gradients."""
        with torch.no_grad():
            return self.rsample(sample_shape)


def _drawn(p: Any, shape: Size) -> Tensor:
    drawn: Tensor = p.rsample(shape) if p.has_rsample else p.sample(shape)
    return drawn
