"""Networks of sequences whose output at a place depends on what is before it alone."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Size, Tensor, nn
from torch.nn.functional import pad

__all__ = ["Causal", "CausalRecurrent", "Conditionals", "Scalars", "Step", "layout"]

Step = Callable[[Tensor | None], Tensor]


def layout(shape: Size) -> tuple[int, int]:
    """Rows and columns of an array ``(channels, *grid)`` in the order in which it is read.

    Row by row, at each point of the grid all channels: these are columns beside one another.
    """
    first, *grid = shape
    if not grid:
        return 1, first
    return Size(grid[:-1]).numel(), grid[-1] * first


class Causal(nn.Module, ABC):
    """A map of features ``(n, places, features)`` to as many, each from those before its place."""

    @abstractmethod
    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """Maps all places at once.

        Args:
            x: Features of what is at each place, ``(n, places, features)``.
            context: What is known of each place beforehand, in the same shape.

        Returns:
            Features at each place, which depend on ``x`` at the places before it and on the context.
        """

    @abstractmethod
    def steps(self, context: Tensor) -> Step:
        """Begins to go through the places one by one, with what was computed before kept.

        Args:
            context: As above.

        Returns:
            A function that, called once for each place in turn with the features of what is at the
            place before (None at the first), gives those at the place, ``(n, features)``.
        """


class CausalRecurrent(Causal):
    """A gated recurrent unit, which reads what is at the place before, and the context.

    Cho et al., 2014, Learning phrase representations using RNN encoder-decoder,
    https://arxiv.org/abs/1406.1078.

    Args:
        features: Its units.
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
    r"""Parameters of the distribution of each of some variables given those before it.

    Args:
        causal: The network between.
        embedding: From values ``(n, places)`` to features; of one place, ``(n, 1)``, too.
        places: Number of variables.
        features: Features of the network.
        parameters: Number of parameters of each variable.
        context_features: What is given of each variable beforehand, beside its place.
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
            values: All of them; those at a place and after it do not count for its parameters.
            context: What is given of each, ``(n, places, context_features)``.
        """
        given = self._context(len(values), context)
        found: Tensor = self.parameters_of(self.causal(self.embedding(values), given))
        return found

    def nothing(self) -> Tensor:
        """Parameters that are all zero, ``(parameters,)``."""
        return self.places.new_zeros(self.parameters_of.out_features)

    def steps(self, n: int, context: Tensor | None = None) -> Step:
        """Begins to go through the places one by one, as `Causal.steps` does, with values.

        Args:
            n: Number of sequences.
            context: As above.

        Returns:
            From the values at the place before, ``(n,)``, the parameters, ``(n, parameters)``.
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
    """Features of numbers: a linear layer.

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
