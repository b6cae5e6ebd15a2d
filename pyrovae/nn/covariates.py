"""What networks read of covariates."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pyrovae.nn.network import Network

__all__ = ["Covariates"]


class Covariates(Network):
    """Covariates of a datum, categories and numbers together, as networks read them.

    A row has the number of each category, from 0, and then the numbers: ``[batch, donor, age,
    offset]`` of ``Covariates([3, 10], numbers=2)``. Categories become one-hot vectors; numbers stay
    as they are, and last, where `OffsetLikelihood` looks for its own. It has no parameters.

    Args:
        categories: How many categories each categorical covariate has.
        numbers: How many covariates are numbers.

    Raises:
        ValueError: If there are no covariates, or a number of categories is not positive.
    """

    def __init__(self, categories: Sequence[int], *, numbers: int = 0) -> None:
        if numbers < 0 or any(k < 1 for k in categories) or len(categories) + numbers < 1:
            raise ValueError(
                f"expected at least one covariate, and at least one category of each, got "
                f"categories={list(categories)} and numbers={numbers}"
            )
        super().__init__(len(categories) + numbers, sum(categories) + numbers)
        self.categories, self.numbers = tuple(categories), numbers

    def transform(self, x: Tensor) -> Tensor:
        """Maps rows ``(n, covariates)`` to features ``(n, sum of categories + numbers)``."""
        parts = [
            (x[:, i : i + 1] == torch.arange(size, device=x.device)).to(x.dtype)
            for i, size in enumerate(self.categories)
        ]
        return torch.cat([*parts, x[:, len(self.categories) :]], dim=1)

    def check(self, y: Tensor) -> None:
        """Looks at rows of covariates, values included.

        Raises:
            ValueError: If their shape does not fit, a number is not finite or a category is none
                of its covariate's. The covariate is said.
        """
        if y.shape[1:] != self.in_shape or not y.is_floating_point():
            raise ValueError(
                f"covariates: expected floating rows of shape (n, {self.in_shape[0]}), "
                f"got {y.dtype} of shape {tuple(y.shape)}"
            )
        if not y.isfinite().all():
            odd = int((~y.isfinite()).sum())
            raise ValueError(f"covariates: expected finite values, got {odd} that are not")
        for i, size in enumerate(self.categories):
            column = y[:, i]
            odd = (column < 0) | (column >= size) | (column != column.round())
            if odd.any():
                raise ValueError(
                    f"covariates: expected categories from 0 to {size - 1} in column {i}, "
                    f"got {column[odd][0].item():g}"
                )
