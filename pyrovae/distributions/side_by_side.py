"""Variables of several families in one vector, like the columns of a table."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor
from torch.distributions import Distribution, transform_to

__all__ = ["SideBySide"]


class _EachOfItsOwn(constraints.Constraint):
    """Applies to each variable the constraint of its own family."""

    event_dim = 0

    def __init__(self, owner: "SideBySide") -> None:
        self.owner = owner
        supports: list[Any] = [part.support for part in owner.parts]
        self.is_discrete = all(support.is_discrete for support in supports)
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Whether each variable's value is in its support."""
        return self.owner.gather(lambda part, x: part.support.check(x), value)

    def explain(self, value: Tensor, counted: Tensor) -> str:
        """Says which variable has values outside its support.

        Args:
            value: Values, some of which are not in the support.
            counted: Which of them count.
        """
        outside = counted & ~self.check(value)
        place = int(outside.flatten(0, -2).any(0).nonzero()[0])
        owner, odd = self.owner, value[..., place][outside[..., place]]
        own = next(p for p, i in zip(owner.parts, owner.indices, strict=True) if place in i)
        return (
            f"column {owner.names[place]!r} allows {_words(own.support)}, but {len(odd)} of its "
            f"{len(value)} values are none, {odd[0].item():.7g} among them"
        )


def _words(support: Any) -> str:
    words = {
        constraints.real: "real numbers",
        constraints.positive: "numbers above 0",
        constraints.nonnegative_integer: "whole numbers of at least 0",
    }
    return words.get(support, str(support))


class SideBySide(TorchDistribution):
    """Independent variables of several families, concatenated in the last dimension.

    Args:
        parts: The distribution of the variables of each family, ``(*batch, number of them)``.
        indices: The places of these variables, a vector for each family; together ``0`` to ``D -
            1``.
        names: The names of the D variables.
        validate_args: Whether to check values.

    Raises:
        ValueError: If validation is on, and a value is not in its variable's support.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        parts: Sequence[Distribution],
        indices: Sequence[Tensor],
        names: Sequence[str],
        *,
        validate_args: bool | None = None,
    ) -> None:
        self.parts, self.indices, self.names = tuple(parts), tuple(indices), tuple(names)
        self._back = torch.cat(self.indices).argsort()
        batch = torch.broadcast_shapes(*(part.batch_shape[:-1] for part in self.parts))
        super().__init__(Size([*batch, len(names)]), validate_args=validate_args)

    def expand(self, batch_shape: Size, _instance: Any = None) -> "SideBySide":
        """The same distribution for a larger batch."""
        new = self._get_checked_instance(SideBySide, _instance)
        new.parts = tuple(
            part.expand(Size([*batch_shape[:-1], len(index)]))
            for part, index in zip(self.parts, self.indices, strict=True)
        )
        new.indices, new.names, new._back = self.indices, self.names, self._back
        super(SideBySide, new).__init__(Size(batch_shape), validate_args=False)
        new._validate_args = self._validate_args
        return new

    def gather(
        self, function: Callable[[Any, Any], Tensor], value: Tensor | None = None
    ) -> Tensor:
        """Applies a function to each family and its values, and restores the variables' order."""
        found = []
        for part, index in zip(self.parts, self.indices, strict=True):
            found.append(function(part, None if value is None else value[..., index]))
        batch = torch.broadcast_shapes(*(each.shape[:-1] for each in found))
        wide = [each.expand(*batch, each.shape[-1]) for each in found]
        return torch.cat(wide, dim=-1)[..., self._back]

    @property
    def support(self) -> constraints.Constraint:
        """For each variable, the support of its family."""
        return _EachOfItsOwn(self)

    def inside(self, like: Tensor) -> Tensor:
        """A value in the support of each variable, ``(D,)``, with dtype and device of ``like``."""

        def one(part: Any, zeros: Any) -> Tensor:
            return zeros if part.support.is_discrete else transform_to(part.support)(zeros)

        return self.gather(one, like.new_zeros(len(self.names)))

    @property
    def mean(self) -> Tensor:
        """The means of numbers, and the most probable level of categories."""
        return self.gather(lambda part, _: part.mean)

    def average(self, weights: Tensor) -> Tensor:
        """The means of a mixture over the first dimension, and the most probable levels.

        Args:
            weights: Weights that sum to one over their first dimension and broadcast to the batch.
        """

        def one(part: Any, _: Any) -> Tensor:
            average = getattr(part, "average", None)
            return average(weights) if average else (weights * part.mean).sum(0)

        return self.gather(one)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of each variable, ``(*batch, D)``."""
        if self._validate_args:
            self._validate_sample(value)
        return self.gather(lambda part, x: part.log_prob(x), value)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws all variables."""
        return self.gather(lambda part, _: part.sample(sample_shape))
