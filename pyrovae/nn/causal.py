"""Networks for sequences whose output at a place depends only on earlier places."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Size, Tensor, nn
from torch.nn.functional import pad

__all__ = ["Causal", "CausalRecurrent", "Conditionals", "Scalars", "Step", "layout"]

Step = Callable[[Tensor | None], Tensor]


def layout(shape: Size) -> tuple[int, int]:
    """Rows and columns of an array ``(channels, *grid)``, laid out in reading order.

    The grid is read row by row, with all channels of a point together as adjacent columns.
    """
    first, *grid = shape
    if not grid:
        return 1, first
    return Size(grid[:-1]).numel(), grid[-1] * first


class Causal(nn.Module, ABC):
    """A map of features ``(n, places, features)`` in which each place sees only earlier places."""

    @abstractmethod
    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Maps all places at once.

        Args:
            x: Features of the value at each place, ``(n, places, features)``.
            context: What is known about each place beforehand, in the same shape.

        Returns:
            Features at each place, which depend on ``x`` at earlier places and on the context.
        """

    @abstractmethod
    def steps(self, context: Tensor) -> Step:
        """Starts going through the places one by one, keeping earlier computations.

        Args:
            context: As in `forward`.

        Returns:
            A function that is called once for each place in order. It takes the features of the
            value at the previous place (None at the first) and returns those at the place, ``(n,
            features)``.
        """


class CausalRecurrent(Causal):
    """A gated recurrent unit, which reads the value at the previous place and the context.

    Cho et al., 2014, Learning phrase representations using RNN encoder-decoder,
    https://arxiv.org/abs/1406.1078.

    Args:
        features: Number of units.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.unit = nn.GRU(features, features, batch_first=True)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Maps all places at once; see `Causal`."""
        states: Tensor = self.unit(pad(x[:, :-1], (0, 0, 1, 0)) + context)[0]
        return states

    def steps(self, context: Tensor) -> Step:
        """Goes from place to place with the unit's state; see `Causal`."""
        places, state = iter(context.unbind(1)), None

        def step(before: Tensor | None) -> Tensor:
            nonlocal state
            here = next(places)
            x = here if before is None else here + before
            found, state = self.unit(x.unsqueeze(1), state)
            return found.squeeze(1)

        return step


class Conditionals(nn.Module):
    r"""Computes the parameters of each variable's distribution given the variables before it.

    Args:
        causal: The network between embedding and parameters.
        embedding: Maps values ``(n, places)`` to features; also for a single place, ``(n, 1)``.
        places: Number of variables.
        features: Number of features of the network.
        parameters: Number of parameters of each variable.
        context_features: Number of features that are given for each variable beforehand, in
            addition to its place.
    """

    def __init__(
        self,
        causal: Causal,
        embedding: nn.Module,
        *,
        places: int,
        features: int,
        parameters: int,
        context_features: int = 0,
    ) -> None:
        super().__init__()
        self.causal = causal
        self.embedding = embedding
        self.places = nn.Parameter(0.1 * torch.randn(places, features))
        self.context = nn.Linear(context_features, features) if context_features else None
        self.parameters_of = nn.Linear(features, parameters)

    def forward(self, values: Tensor, context: Tensor | None = None) -> Tensor:
        """Maps values ``(n, places)`` to parameters ``(n, places, parameters)``.

        Args:
            values: All values; those at a place and after it do not affect its parameters.
            context: What is given for each variable, ``(n, places, context_features)``.
        """
        given = self._context(len(values), context)
        found: Tensor = self.parameters_of(self.causal(self.embedding(values), given))
        return found

    def nothing(self) -> Tensor:
        """Returns parameters that are all zero, ``(parameters,)``."""
        return self.places.new_zeros(self.parameters_of.out_features)

    def steps(self, n: int, context: Tensor | None = None) -> Step:
        """Starts going through the places one by one like `Causal.steps`, but with values.

        Args:
            n: Number of sequences.
            context: As in `forward`.

        Returns:
            A function from the values at the previous place, ``(n,)``, to the parameters, ``(n,
            parameters)``.
        """
        step = self.causal.steps(self._context(n, context))

        def of_values(before: Tensor | None) -> Tensor:
            x = None if before is None else self.embedding(before.unsqueeze(1)).squeeze(1)
            found: Tensor = self.parameters_of(step(x))
            return found

        return of_values

    def _context(self, n: int, context: Tensor | None) -> Tensor:
        places = self.places.expand(n, *self.places.shape)
        if self.context is None or context is None:
            return places
        return places + self.context(context.to(places.dtype))


class Scalars(nn.Module):
    """Computes features of numbers by a linear layer.

    Args:
        features: Number of features.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.layer = nn.Linear(1, features)

    def forward(self, values: Tensor) -> Tensor:
        """Maps ``(n, places)`` to ``(n, places, features)``."""
        found: Tensor = self.layer(values.unsqueeze(-1).to(self.layer.weight.dtype))
        return found
