"""The vectors of a codebook, and which of them stands for a vector."""

from collections.abc import Sequence
from math import atanh, prod

import torch
from torch import Tensor
from torch.nn.functional import embedding

__all__ = ["CodeTable", "LevelTable", "ResidualTables", "SignTable", "nearest"]


def nearest(vectors: Tensor, codebook: Tensor) -> Tensor:
    """The number of the nearest code of each vector, ``(*batch,)``."""
    # Products of matrices are fast but round, relative to how far from 0 all of it lies. Around
    # the codebook's middle they choose a few; the nearest of these is found from differences.
    middle = codebook.mean(0)
    centred, codes = vectors - middle, codebook - middle
    # The square of the vector itself is the same for all codes.
    distances = codes.square().sum(-1) - 2 * centred @ codes.T
    few = distances.topk(min(4, len(codebook)), largest=False).indices.sort(-1).values
    exact = (vectors.unsqueeze(-2) - embedding(few, codebook)).square().sum(-1)
    return few.gather(-1, exact.argmin(-1, keepdim=True)).squeeze(-1)


class CodeTable:
    """Vectors by number; a vector is stood for by the nearest.

    Arrays of vectors are ``(*batch, groups, *grid, code_features)``, their numbers ``(*batch,
    groups, *grid)``. A table of several stages gives each vector as many numbers as it has stages,
    ``(*batch, stages * groups, *grid)``.

    Args:
        table: The vectors, ``(codes, code_features)``.
    """

    stages = 1

    def __init__(self, table: Tensor) -> None:
        self.table = table

    @property
    def codes(self) -> int:
        """How many codes a number chooses from."""
        return len(self.table)

    @property
    def code_features(self) -> int:
        """Length of a vector."""
        return self.table.shape[-1]

    def target(self, output: Tensor) -> Tensor:
        """What of a network's output the codes are to be near to."""
        return output

    def assign(self, output: Tensor, event_dim: int) -> tuple[Tensor, Tensor]:
        """Finds the codes of a network's output.

        Args:
            output: Vectors, with a gradient.
            event_dim: Number of dimensions of the numbers of one datum, ``(groups, *grid)``.

        Returns:
            What each code stands for, with the output's gradient, and the codes' numbers.
        """
        target = self.target(output)
        return target, self.numbers(target.detach(), event_dim)

    def numbers(self, vectors: Tensor, event_dim: int) -> Tensor:
        """The numbers of the codes that are nearest to vectors."""
        return nearest(vectors, self.table.detach())

    def vectors(self, numbers: Tensor, event_dim: int) -> Tensor:
        """The codes of these numbers, with the gradient of the table."""
        return embedding(numbers, self.table)

    def distances(self, vectors: Tensor, event_dim: int) -> Tensor:
        """The squared distance of vectors from every code, one more dimension, ``codes``."""
        squares = vectors.square().sum(-1, keepdim=True) + self.table.square().sum(-1)
        return squares - 2 * vectors @ self.table.T

    def by_stage(self, numbers: Tensor, event_dim: int) -> tuple[Tensor, ...]:
        """The numbers of each stage."""
        return numbers.chunk(self.stages, dim=-event_dim)


class LevelTable(CodeTable):
    r"""All vectors whose features are each one of a few levels between -1 and 1.

    With :math:`L` levels, :math:`h = (L - 1) / 2` and :math:`o = 1/2` for even L, else 0, a number
    f of the network becomes

    .. math:: \operatorname{round}\left(h \tanh(f + \operatorname{artanh}(o / h)) - o\right)
        / \lfloor L / 2 \rfloor

    where f = 0 is in the middle of a level. (With two levels that shift would be infinite, and 0 is
    where one begins.)

    Args:
        table: The vectors, ``(codes, code_features)``, as `LevelTable.all` makes them.
        levels: Number of levels of each feature.
    """

    def __init__(self, table: Tensor, levels: Sequence[int]) -> None:
        super().__init__(table)
        self.levels = tuple(levels)

    @staticmethod
    def all(levels: Sequence[int]) -> Tensor:
        """The vectors in the order of their numbers, the last feature's level changing first."""
        each = [(torch.arange(n) - n // 2) / (n // 2) for n in levels]
        return torch.cartesian_prod(*each).reshape(prod(levels), len(levels))

    def target(self, output: Tensor) -> Tensor:
        """The output between the outer levels."""
        features = [_squashed(f, n) for f, n in zip(output.unbind(-1), self.levels, strict=True)]
        return torch.stack(features, -1)

    def numbers(self, vectors: Tensor, event_dim: int) -> Tensor:
        """The nearest level of each feature, in mixed radix."""
        found = torch.zeros(vectors.shape[:-1], dtype=torch.long, device=vectors.device)
        for feature, n in zip(vectors.unbind(-1), self.levels, strict=True):
            level = (feature * (n // 2)).round().long() + n // 2
            found = found * n + level.clamp(0, n - 1)
        return found


class SignTable(CodeTable):
    """All vectors of minus ones and ones; a vector is stood for by its signs.

    Args:
        table: The vectors, as `SignTable.all` makes them.
    """

    @staticmethod
    def all(features: int) -> Tensor:
        """The vectors in the order of their numbers, whose binary digits are the signs."""
        signs = torch.tensor([-1.0, 1.0])
        return torch.cartesian_prod(*[signs] * features).reshape(2**features, features)

    def numbers(self, vectors: Tensor, event_dim: int) -> Tensor:
        """The signs as binary digits; 0 counts as negative."""
        found = torch.zeros(vectors.shape[:-1], dtype=torch.long, device=vectors.device)
        for feature in vectors.unbind(-1):
            found = 2 * found + (feature > 0)
        return found


class ResidualTables(CodeTable):
    """Tables one after another: each stands for what those before it have left of a vector.

    Args:
        tables: Tables of as many codes and features.
    """

    def __init__(self, tables: Sequence[CodeTable]) -> None:
        super().__init__(torch.cat([table.table for table in tables]))
        self.tables = tuple(tables)
        self.stages = len(self.tables)

    @property
    def codes(self) -> int:
        """How many codes a number chooses from, in each stage."""
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
