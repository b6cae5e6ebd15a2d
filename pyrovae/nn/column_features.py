"""Features of the rows of a table for a network."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import relu

from pyrovae.columns import Columns, plain_columns, read_columns
from pyrovae.nn.moments import Moments
from pyrovae.nn.network import Network

__all__ = ["ColumnFeatures"]


class ColumnFeatures(Network):
    r"""Features of a table's row for an encoder: standardised numbers, one-hot levels, and a mask.

    A number becomes :math:`(t(x) - \mu) / \sigma` with the mean and standard deviation of the
    training data, where t is the identity (real), the logarithm (positive) or :math:`\log(1 + x)`
    (counts). A level becomes a one-hot vector. The features of missing values are zero. With
    ``mask`` there is one more feature for each column, which is 1 where the value is present.

    Put it before the network of a posterior: ``Chain([ColumnFeatures(columns), MLP(...)])``. It
    has no parameters.

    Args:
        columns: The columns, such as `Data.columns` of a table.
        mask: Whether the input contains, after the D values, a mask of those that are present, as
            a `MissingDataVAE` gives it to its guide; ``in_shape`` is then ``(2 D,)``.

    Raises:
        ValueError: If ``columns`` is not a description of columns.
    """

    logarithmic: Tensor
    added: Tensor
    numbers: Tensor
    owners: Tensor
    levels: Tensor

    def __init__(self, columns: Columns, *, mask: bool = False) -> None:
        read = read_columns(columns)
        sizes = [len(column.levels or ()) for column in read]
        numbers = [i for i, size in enumerate(sizes) if not size]
        d = len(read)
        super().__init__(2 * d if mask else d, len(numbers) + sum(sizes) + mask * d)
        self.init_args["columns"] = plain_columns(read)
        self.columns, self.mask = read, mask
        kept = [read[i] for i in numbers]
        self.moments = Moments([c.loc for c in kept], [c.scale for c in kept])
        self.register_buffer(
            "logarithmic", torch.tensor([c.kind != "real" for c in kept]), persistent=False
        )
        self._index("added", [c.kind == "count" for c in kept])
        self._index("numbers", numbers)
        # For each one-hot feature, the column and the level that it belongs to.
        self._index("owners", [i for i, size in enumerate(sizes) for _ in range(size)])
        self._index("levels", [level for size in sizes for level in range(size)])

    def _index(self, name: str, index: Sequence[int]) -> None:
        self.register_buffer(name, torch.tensor(index, dtype=torch.long), persistent=False)

    def transform(self, x: Tensor) -> Tensor:
        """Maps rows ``(n, D)``, or values and mask ``(n, 2 D)``, to features."""
        seen = None
        if self.mask:
            x, seen = x.chunk(2, dim=1)
        features = [self._standardised(x), self._one_hot(x)]
        if seen is None:
            return torch.cat(features, dim=1)
        there = [seen[:, index] for index in (self.numbers, self.owners)]
        known = [torch.where(s > 0, f, 0.0) for s, f in zip(there, features, strict=True)]
        return torch.cat([*known, seen], dim=1)

    def _standardised(self, x: Tensor) -> Tensor:
        numbers = x[:, self.numbers]
        # Missing values are zero, and pseudo-inputs may become negative.
        smallest = torch.finfo(x.dtype).tiny
        logs = (numbers + self.added).clamp(min=smallest).log()
        numbers = torch.where(self.logarithmic, logs, numbers)
        return ((numbers - self.moments.loc) / self.moments.scale).to(x.dtype)

    def _one_hot(self, x: Tensor) -> Tensor:
        """1 at the index of a level, falling linearly to 0 at the next, so it has a gradient."""
        return relu(1 - (x[:, self.owners] - self.levels).abs())
