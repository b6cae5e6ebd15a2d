"""Features of covariates for networks."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pyrovae.nn.network import Network

__all__ = ["Covariates"]


class Covariates(Network):
    """Features of a datum's covariates, categories and numbers together, for networks.

    A row has the index of each category, starting at 0, followed by the numbers: for example
    ``[batch, donor, age, offset]`` for ``Covariates([3, 10], numbers=2)``. Categories become
    one-hot vectors. Numbers stay as they are and come last, where `OffsetLikelihood` looks for its
    offset. It has no parameters.

    Args:
        categories: Number of categories of each categorical covariate.
        numbers: Number of covariates that are numbers.

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
        parts = []
        for i, size in enumerate(self.categories):
            vectors = x[:, i : i + 1] == torch.arange(size, device=x.device)
            # An index that is not a category becomes NaN, so that no check of values is needed.
            parts.append(torch.where(vectors.any(1, keepdim=True), vectors.to(x.dtype), torch.nan))
        return torch.cat([*parts, x[:, len(self.categories) :]], dim=1)

    @property
    def levels(self) -> int:
        """The total number of categories of all covariates: the first features."""
        return sum(self.categories)

    def check_form(self, y: object, n: int) -> None:
        """Checks the type and shape of rows of covariates, but not their values.

        Raises:
            ValueError: If they are not ``n`` floating-point rows.
        """
        expected = (n, *self.in_shape)
        if not isinstance(y, Tensor):
            raise ValueError(
                "y: expected a tensor with a row of covariates for each datum, got "
                f"{type(y).__name__}"
            )
        if y.shape != expected or not y.is_floating_point():
            raise ValueError(
                f"y: expected a row of covariates for each datum, floating of shape {expected}, "
                f"got {y.dtype} of shape {tuple(y.shape)}"
            )

    def check(self, y: Tensor, n: int) -> None:
        """Checks rows of covariates, including their values.

        Raises:
            ValueError: If they are not ``n`` floating-point rows, a number is not finite, or a
                category does not exist. The message names the covariate.
        """
        self.check_form(y, n)
        if not y.isfinite().all():
            raise ValueError(
                f"y: expected finite covariates, but {int((~y.isfinite()).sum())} are not finite"
            )
        for i, size in enumerate(self.categories):
            column = y[:, i]
            odd = (column < 0) | (column >= size) | (column != column.round())
            if odd.any():
                raise ValueError(
                    f"y: expected categories from 0 to {size - 1} in column {i} of the "
                    f"covariates, got {column[odd][0].item():g}"
                )
