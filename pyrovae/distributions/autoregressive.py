"""Variables one after another."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor

__all__ = ["Autoregressive", "from_places", "to_places"]


def to_places(x: Tensor, event_dim: int) -> Tensor:
    """Brings ``(*batch, channels, *grid)`` to ``(*batch, places)`` in the order of the places.

    Point by point of the grid, row by row, at each all channels.
    """
    return x.movedim(-event_dim, -1).flatten(-event_dim)


def from_places(x: Tensor, event_shape: Size) -> Tensor:
    """Brings ``(*batch, places)`` back to ``(*batch, *event_shape)``."""
    first, *grid = event_shape
    return x.unflatten(-1, (*grid, first)).movedim(-1, -len(event_shape))


class Conditional(Protocol):
    """Gives the parameters of each variable from those before it."""

    def __call__(self, values: Tensor, context: Tensor | None = None) -> Tensor:
        """From values ``(n, places)`` to parameters ``(n, places, parameters)``."""
        ...

    def steps(self, n: int, context: Tensor | None = None) -> Callable[[Tensor | None], Tensor]:
        """The same place by place: from the values at the place before to the parameters."""
        ...

    def nothing(self) -> Tensor:
        """Some parameters, ``(parameters,)``, from which the variables' support can be read."""
        ...


class Autoregressive(TorchDistribution):
    r"""Variables one after another, each with parameters from a network that sees those before.

    .. math:: p(x \mid c) = \prod_i p(x_i \mid f_i(x_1, \dots, x_{i-1}, c))

    The density takes one run of the network, a draw a step of it for each variable, with what was
    computed before kept. There is no mean in closed form.

    Args:
        network: From the values of all variables to the parameters of each.
        variable: From parameters ``(*batch, parameters)`` to the distribution of one variable, with
            ``batch_shape (*batch, 1)``.
        event_shape: Shape of one array of variables; see `to_places` for their order.
        context: What is given of each, ``(*batch, places, features)``.
        batch_shape: Shape of the batch, where no context has it.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        network: Conditional,
        variable: Callable[[Tensor], Any],
        event_shape: Size,
        context: Tensor | None = None,
        batch_shape: Sequence[int] = (),
    ) -> None:
        self.network = network
        self.variable = variable
        self.context = context
        batch = Size(batch_shape) if context is None else context.shape[:-2]
        super().__init__(batch, event_shape, validate_args=False)

    @property
    def _one(self) -> Any:
        return self.variable(self.network.nothing())

    @constraints.dependent_property
    def support(self) -> Any:
        """That of each variable."""
        return constraints.independent(self._one.support, self.event_dim)

    @property
    def normalized_support(self) -> Any:
        """Where the density of each variable adds up to one, which may be less than its support."""
        one = self._one
        return getattr(one, "normalized_support", one.support)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws, one variable after another."""
        batch = Size(sample_shape) + self.batch_shape
        with torch.no_grad():
            step = self.network.steps(batch.numel(), self._given(batch))
            drawn: list[Tensor] = []
            for _ in range(self.event_shape.numel()):
                parameters = step(drawn[-1] if drawn else None)
                drawn.append(self.variable(parameters).sample().squeeze(-1))
            places = torch.stack(drawn, -1).reshape(*batch, -1)
            return from_places(places, self.event_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """The sum over the variables, all at once."""
        events = self.event_dim
        batch = torch.broadcast_shapes(value.shape[:-events], self.batch_shape)
        x = to_places(value.expand(*batch, *self.event_shape), events)
        x = x.reshape(batch.numel(), -1)
        parameters = self.network(x, self._given(batch))
        each = self.variable(parameters).log_prob(x.unsqueeze(-1))
        return each.sum((-2, -1)).reshape(batch)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "Autoregressive":
        """The same with another batch shape."""
        batch, context = Size(batch_shape), self.context
        if context is not None:
            context = context.expand(*batch, *context.shape[-2:])
        return Autoregressive(self.network, self.variable, self.event_shape, context, batch)

    def _given(self, batch: Size) -> Tensor | None:
        if self.context is None:
            return None
        given = self.context.expand(*batch, *self.context.shape[-2:])
        return given.reshape(batch.numel(), *given.shape[-2:])
