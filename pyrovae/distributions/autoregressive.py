"""Distributions of variables that are drawn one after another."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor

__all__ = ["Autoregressive", "from_places", "to_places"]


def to_places(x: Tensor, event_dim: int) -> Tensor:
    """Flattens ``(*batch, channels, *grid)`` to ``(*batch, places)``, in the order of the places.

    The points of the grid follow each other row by row, with all channels of a point together.
    """
    return x.movedim(-event_dim, -1).flatten(-event_dim)


def from_places(x: Tensor, event_shape: Size) -> Tensor:
    """Restores ``(*batch, *event_shape)`` from ``(*batch, places)``."""
    first, *grid = event_shape
    return x.unflatten(-1, (*grid, first)).movedim(-1, -len(event_shape))


class Conditional(Protocol):
    """A network that computes the parameters of each variable from the variables before it."""

    def __call__(self, values: Tensor, context: Tensor | None = None) -> Tensor:
        """Maps values ``(n, places)`` to parameters ``(n, places, parameters)``."""
        ...

    def steps(self, n: int, context: Tensor | None = None) -> Callable[[Tensor | None], Tensor]:
        """Returns a function from the previous place's values to the parameters of the next."""
        ...

    def nothing(self) -> Tensor:
        """Returns some valid parameters, ``(parameters,)``, that show the variables' support."""
        ...


class Autoregressive(TorchDistribution):
    r"""Variables drawn one after another, with parameters from a network that sees earlier ones.

    .. math:: p(x \mid c) = \prod_i p(x_i \mid f_i(x_1, \dots, x_{i-1}, c))

    The density takes one pass of the network. A draw takes one step of it for each variable, and
    keeps what was computed for earlier variables. The mean has no closed form.

    van den Oord et al., 2016, Conditional image generation with PixelCNN decoders,
    https://arxiv.org/abs/1606.05328; Ramachandran et al., 2017, Fast generation for convolutional
    autoregressive models, https://arxiv.org/abs/1704.06001 (the steps of a draw).

    Args:
        network: Maps the values of all variables to the parameters of each.
        variable: Maps parameters ``(*batch, parameters)`` to the distribution of one variable,
            with ``batch_shape (*batch, 1)``.
        event_shape: Shape of one array of variables; see `to_places` for their order.
        context: What each variable is conditioned on, ``(*batch, places, features)``.
        batch_shape: Shape of the batch, if there is no context that has it.
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
        """The support of each variable."""
        return constraints.independent(self._one.support, self.event_dim)

    @property
    def normalized_support(self) -> Any:
        """Where each variable's density sums to one, which may be less than its support."""
        one = self._one
        return getattr(one, "normalized_support", one.support)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws samples, one variable after another."""
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
        """The log-density: the sum over the variables, computed in one pass."""
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
