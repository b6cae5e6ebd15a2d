"""Distributions over the vectors of a codebook."""

from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor

from pyrovae.distributions.code_tables import CodeTable

__all__ = ["CodeVectors", "Codes", "NearestCode", "join", "split"]


def split(z: Tensor, code_features: int, event_dim: int) -> Tensor:
    """Splits latents ``(*batch, groups * code_features, *grid)`` into vectors.

    Returns:
        The vectors, ``(*batch, groups, *grid, code_features)``.
    """
    return z.unflatten(-event_dim, (-1, code_features)).movedim(-event_dim, -1)


def join(vectors: Tensor, event_dim: int) -> Tensor:
    """Joins vectors into latents: the inverse of `split`."""
    return vectors.movedim(-1, -event_dim).flatten(-event_dim - 1, -event_dim)


class CodeVectors(constraints.Constraint):
    """Latents all of whose vectors are in a codebook.

    Args:
        codebook: The vectors.
        event_dim: Number of dimensions of one latent.
    """

    is_discrete = True

    def __init__(self, codebook: CodeTable, event_dim: int) -> None:
        self.codebook = codebook
        self.event_dim = event_dim
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Whether each latent consists of codes."""
        vectors = split(value, self.codebook.code_features, self.event_dim)
        numbers = self.codebook.numbers(vectors, self.event_dim)
        found = self.codebook.vectors(numbers, self.event_dim)
        return (found == vectors).flatten(-self.event_dim - 1).all(-1)


class NearestCode(TorchDistribution):
    r"""The point mass at the codes nearest to a network's output.

    .. math:: q(z = e_k) = 1 \text{ for } k = \arg\min_j \lVert f - e_j \rVert

    A latent is an array ``(groups * code_features, *grid)``, with a vector for each of the
    ``groups`` at each point of the grid. With a codebook of several stages, the vectors of the
    first stage come first, then those of the next. Draws use the straight-through gradient to the
    network's output, shared equally between the stages.

    van den Oord, Vinyals and Kavukcuoglu, 2017, Neural discrete representation learning,
    https://arxiv.org/abs/1711.00937.

    Args:
        output: The network's output :math:`f`, ``(*batch, groups * code_features, *grid)``.
        codebook: The codes.
        event_dim: Number of dimensions of one latent.

    Attributes:
        indices: The indices of the codes, ``(*batch, stages * groups, *grid)``.
        code: The codes themselves, as a latent, with a gradient for the codebook only.
        target: What each code approximates, as a latent: the output, or what earlier stages have
            left over of it, with the gradient of the output.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_rsample = True

    def __init__(self, output: Tensor, codebook: CodeTable, event_dim: int) -> None:
        self.output = output
        self.codebook = codebook
        vectors = split(output, codebook.code_features, event_dim)
        target, self.indices = codebook.assign(vectors, event_dim)
        self.target = join(target, event_dim)
        self.code = join(codebook.vectors(self.indices, event_dim), event_dim)
        shape = self.code.shape
        super().__init__(shape[:-event_dim], shape[-event_dim:], validate_args=False)

    @constraints.dependent_property
    def support(self) -> Any:
        """Latents that consist of the codebook's vectors."""
        return CodeVectors(self.codebook, self.event_dim)

    @property
    def mean(self) -> Tensor:
        """The codes, with the straight-through gradient."""
        # The difference is zero, so the value is the code to the last bit.
        passed = (self.target - self.target.detach()) / self.codebook.stages
        return self.code.detach() + passed

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """The codes, with the straight-through gradient."""
        return self.mean.expand(torch.Size(sample_shape) + self.shape())

    def log_prob(self, value: Tensor) -> Tensor:
        """0 for the latent that consists of these codes, minus infinity for any other."""
        same = (value == self.code).flatten(-self.event_dim).all(-1)
        return torch.where(same, 0.0, -torch.inf).to(value)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "NearestCode":
        """The same with another batch shape."""
        event = self.output.shape[-self.event_dim :]
        output = self.output.expand(torch.Size(batch_shape) + event)
        return NearestCode(output, self.codebook, self.event_dim)


class Codes(TorchDistribution):
    r"""Latents that consist of a codebook's vectors, with a distribution over the codes' indices.

    .. math:: p(z) = p(k), \qquad z = (e_{k_1}, e_{k_2}, \dots)

    Any value is scored by its nearest codes.

    Args:
        indices: p(k), over integers with event shape ``(stages * groups, *grid)``.
        codebook: The codes :math:`e`.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, indices: Any, codebook: CodeTable) -> None:
        self.indices = indices
        self.codebook = codebook
        groups, *grid = indices.event_shape
        shape = Size([groups * codebook.code_features, *grid])
        super().__init__(indices.batch_shape, shape, validate_args=False)

    @constraints.dependent_property
    def support(self) -> Any:
        """Latents that consist of the codebook's vectors."""
        return CodeVectors(self.codebook, self.event_dim)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws indices and looks up their vectors."""
        with torch.no_grad():
            drawn = self.indices.sample(torch.Size(sample_shape))
            return join(self.codebook.vectors(drawn, self.event_dim), self.event_dim)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-probability of the indices of the nearest codes."""
        vectors = split(value.detach(), self.codebook.code_features, self.event_dim)
        return self.indices.log_prob(self.codebook.numbers(vectors, self.event_dim))

    def expand(self, batch_shape: Any, _instance: Any = None) -> "Codes":
        """The same with another batch shape."""
        return Codes(self.indices.expand(torch.Size(batch_shape)), self.codebook)
