"""The vectors of a codebook, and the assignment of vectors to them."""

from collections.abc import Sequence
from math import atanh, prod

import torch
from torch import Tensor
from torch.nn.functional import embedding

__all__ = ["CodeTable", "LevelTable", "ResidualTables", "SignTable", "nearest"]


def nearest(vectors: Tensor, codebook: Tensor) -> Tensor:
    """The index of the nearest code of each vector, ``(*batch,)``."""
    # Matrix products are fast, but their rounding error grows with the distance of the vectors
    # from 0. After centring they select a few candidates, and exact differences decide.
    middle = codebook.mean(0)
    centred, codes = vectors - middle, codebook - middle
    # The squared length of the vector itself is the same for all codes and is left out.
    distances = codes.square().sum(-1) - 2 * centred @ codes.T
    few = distances.topk(min(4, len(codebook)), largest=False).indices.sort(-1).values
    exact = (vectors.unsqueeze(-2) - embedding(few, codebook)).square().sum(-1)
    return few.gather(-1, exact.argmin(-1, keepdim=True)).squeeze(-1)


class CodeTable:
    """A table of vectors, the codes; any vector is represented by the nearest of them.

    Arrays of vectors have shape ``(*batch, groups, *grid, code_features)`` and their indices
    ``(*batch, groups, *grid)``. A table with several stages gives each vector one index for each
    stage, ``(*batch, stages * groups, *grid)``.

    Args:
        table: The vectors, ``(codes, code_features)``.
    """

    stages = 1

    def __init__(self, table: Tensor) -> None:
        self.table = table

    @property
    def codes(self) -> int:
        """The number of codes that an index chooses from."""
        return len(self.table)

    @property
    def code_features(self) -> int:
        """The length of a vector."""
        return self.table.shape[-1]

    def target(self, output: Tensor) -> Tensor:
        """The part of a network's output that the codes are to approximate."""
        return output

    def assign(self, output: Tensor, event_dim: int) -> tuple[Tensor, Tensor]:
        """Finds the codes of a network's output.

        Args:
            output: Vectors, with a gradient.
            event_dim: Number of dimensions of the indices of one datum, ``(groups, *grid)``.

        Returns:
            The vectors that the codes approximate, with the gradient of the output, and the
            indices of the codes.
        """
        target = self.target(output)
        return target, self.numbers(target.detach(), event_dim)

    def numbers(self, vectors: Tensor, event_dim: int) -> Tensor:
        """The indices of the codes that are nearest to the given vectors."""
        return nearest(vectors, self.table.detach())

    def vectors(self, numbers: Tensor, event_dim: int) -> Tensor:
        """The codes with these indices, with the gradient of the table."""
        return embedding(numbers, self.table)

    def distances(self, vectors: Tensor, event_dim: int) -> Tensor:
        """The squared distances of vectors to every code, in a new last dimension ``codes``."""
        squares = vectors.square().sum(-1, keepdim=True) + self.table.square().sum(-1)
        return squares - 2 * vectors @ self.table.T

    def by_stage(self, numbers: Tensor, event_dim: int) -> tuple[Tensor, ...]:
        """The indices of each stage."""
        return numbers.chunk(self.stages, dim=-event_dim)


class LevelTable(CodeTable):
    r"""All vectors whose features each take one of a few levels between -1 and 1.

    With :math:`L` levels, :math:`h = (L - 1) / 2`, and :math:`o = 1/2` for even L, else 0, a
    feature f of the network's output becomes

    .. math:: \operatorname{round}\left(h \tanh(f + \operatorname{artanh}(o / h)) - o\right)
        / \lfloor L / 2 \rfloor

    so that f = 0 is in the middle of a level. (With two levels the shift would be infinite; it is
    left out, and f = 0 is the boundary between the levels.)

    Args:
        table: The vectors, ``(codes, code_features)``, as made by `LevelTable.all`.
        levels: Number of levels of each feature.
    """

    def __init__(self, table: Tensor, levels: Sequence[int]) -> None:
        super().__init__(table)
        self.levels = tuple(levels)

    @staticmethod
    def all(levels: Sequence[int]) -> Tensor:
        """All vectors in the order of their indices; the last feature's level changes first."""
        each = [(torch.arange(n) - n // 2) / (n // 2) for n in levels]
        return torch.cartesian_prod(*each).reshape(prod(levels), len(levels))

    def target(self, output: Tensor) -> Tensor:
        """The output, squashed between the outermost levels."""
        features = [_squashed(f, n) for f, n in zip(output.unbind(-1), self.levels, strict=True)]
        return torch.stack(features, -1)

    def numbers(self, vectors: Tensor, event_dim: int) -> Tensor:
        """The indices of the nearest level of each feature, combined in mixed radix."""
        found = torch.zeros(vectors.shape[:-1], dtype=torch.long, device=vectors.device)
        for feature, n in zip(vectors.unbind(-1), self.levels, strict=True):
            level = (feature * (n // 2)).round().long() + n // 2
            found = found * n + level.clamp(0, n - 1)
        return found


class SignTable(CodeTable):
    """All vectors of -1 and 1; any vector is represented by its signs.

    Args:
        table: The vectors, as made by `SignTable.all`.
    """

    @staticmethod
    def all(features: int) -> Tensor:
        """All vectors in the order of their indices, whose binary digits are the signs."""
        signs = torch.tensor([-1.0, 1.0])
        return torch.cartesian_prod(*[signs] * features).reshape(2**features, features)

    def numbers(self, vectors: Tensor, event_dim: int) -> Tensor:
        """The signs, read as binary digits; 0 counts as negative."""
        found = torch.zeros(vectors.shape[:-1], dtype=torch.long, device=vectors.device)
        for feature in vectors.unbind(-1):
            found = 2 * found + (feature > 0)
        return found


class ResidualTables(CodeTable):
    """Tables in stages: each represents what the stages before it have left over of a vector.

    Args:
        tables: Tables with the same numbers of codes and features.
    """

    def __init__(self, tables: Sequence[CodeTable]) -> None:
        super().__init__(torch.cat([table.table for table in tables]))
        self.tables = tuple(tables)
        self.stages = len(self.tables)

    @property
    def codes(self) -> int:
        """The number of codes that an index chooses from, in each stage."""
        return self.tables[0].codes

    def assign(self, output: Tensor, event_dim: int) -> tuple[Tensor, Tensor]:
        """Finds the codes of a network's output, stage by stage; see `CodeTable`."""
        targets, numbers, rest = [], [], output
        for table in self.tables:
            target, number = table.assign(rest, event_dim)
            targets.append(target)
            numbers.append(number)
            rest = rest - table.vectors(number, event_dim).detach()
        return torch.cat(targets, -event_dim - 1), torch.cat(numbers, -event_dim)

    def numbers(self, vectors: Tensor, event_dim: int) -> Tensor:
        """The nearest code of each stage's vectors in that stage's table."""
        parts = vectors.chunk(self.stages, dim=-event_dim - 1)
        found = [t.numbers(part, event_dim) for t, part in zip(self.tables, parts, strict=True)]
        return torch.cat(found, -event_dim)

    def vectors(self, numbers: Tensor, event_dim: int) -> Tensor:
        """The codes of each stage."""
        parts = self.by_stage(numbers, event_dim)
        found = [t.vectors(part, event_dim) for t, part in zip(self.tables, parts, strict=True)]
        return torch.cat(found, -event_dim - 1)

    def distances(self, vectors: Tensor, event_dim: int) -> Tensor:
        """The squared distances of each stage's vectors from that stage's codes."""
        parts = vectors.chunk(self.stages, dim=-event_dim - 1)
        found = [t.distances(part, event_dim) for t, part in zip(self.tables, parts, strict=True)]
        return torch.cat(found, -event_dim - 1)


def _squashed(f: Tensor, levels: int) -> Tensor:
    half = (levels - 1) / 2
    offset = 0.0 if levels % 2 else 0.5
    shift = 0.0 if offset == half else atanh(offset / half)
    return (half * torch.tanh(f + shift) - offset) / (levels // 2)
