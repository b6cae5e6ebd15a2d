"""Distributions over the vectors of a codebook."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor
from torch.distributions import Categorical
from torch.nn.functional import embedding

from pyrovae.distributions.special import normalized

__all__ = [
    "AutoregressiveCodes",
    "CodeVectors",
    "Codes",
    "NearestCode",
    "join",
    "nearest",
    "split",
]


def split(z: Tensor, code_features: int, event_dim: int) -> Tensor:
    """Takes latents ``(*batch, groups * code_features, *grid)`` apart into vectors.

    Returns:
        The vectors, ``(*batch, groups, *grid, code_features)``.
    """
    return z.unflatten(-event_dim, (-1, code_features)).movedim(-event_dim, -1)


def join(vectors: Tensor, event_dim: int) -> Tensor:
    """Puts vectors back together into latents, as `split` had them."""
    return vectors.movedim(-1, -event_dim).flatten(-event_dim - 1, -event_dim)


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


class CodeVectors(constraints.Constraint):
    """Latents all of whose vectors are in a codebook.

    Args:
        codebook: The vectors, ``(codes, code_features)``.
        event_dim: Number of dimensions of one latent.
    """

    is_discrete = True

    def __init__(self, codebook: Tensor, event_dim: int) -> None:
        self.codebook = codebook
        self.event_dim = event_dim
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Whether each latent is made of codes."""
        vectors = split(value, self.codebook.shape[-1], self.event_dim)
        found = embedding(nearest(vectors, self.codebook), self.codebook)
        return (found == vectors).flatten(-self.event_dim - 1).all(-1)


class NearestCode(TorchDistribution):
    r"""The point mass at the nearest codes of a network's output.

    .. math:: q(z = e_k) = 1 \text{ for } k = \arg\min_j \lVert f - e_j \rVert

    A latent is an array ``(groups * code_features, *grid)``, a vector in ``groups`` at each point
    of the grid. Draws pass their gradient straight through to the network's output.

    van den Oord, Vinyals and Kavukcuoglu, 2017, Neural discrete representation learning,
    https://arxiv.org/abs/1711.00937.

    Args:
        output: The network's output :math:`f`, ``(*batch, groups * code_features, *grid)``.
        codebook: The vectors :math:`e`, ``(codes, code_features)``.
        event_dim: Number of dimensions of one latent.

    Attributes:
        indices: The numbers of the codes, ``(*batch, groups, *grid)``.
        code: The codes themselves, in the output's shape, with gradient for the codebook alone.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_rsample = True

    def __init__(self, output: Tensor, codebook: Tensor, event_dim: int) -> None:
        self.output = output
        self.codebook = codebook
        vectors = split(output.detach(), codebook.shape[-1], event_dim)
        self.indices = nearest(vectors, codebook.detach())
        self.code = join(embedding(self.indices, codebook), event_dim)
        super().__init__(output.shape[:-event_dim], output.shape[-event_dim:], validate_args=False)

    @constraints.dependent_property
    def support(self) -> Any:
        """Latents made of the codebook's vectors."""
        return CodeVectors(self.codebook, self.event_dim)

    @property
    def mean(self) -> Tensor:
        """The codes, with the gradient straight through."""
        # The difference is zero: the value is the code to the last bit.
        return self.code.detach() + (self.output - self.output.detach())

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """The codes, with the gradient straight through."""
        return self.mean.expand(torch.Size(sample_shape) + self.shape())

    def log_prob(self, value: Tensor) -> Tensor:
        """0 where a latent is the codes, minus infinity elsewhere."""
        same = (value == self.code).flatten(-self.event_dim).all(-1)
        return torch.where(same, 0.0, -torch.inf).to(value)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "NearestCode":
        """The same with another batch shape."""
        output = self.output.expand(torch.Size(batch_shape) + self.event_shape)
        return NearestCode(output, self.codebook, self.event_dim)


class Codes(TorchDistribution):
    r"""Latents made of a codebook's vectors, from a distribution of the codes' numbers.

    .. math:: p(z) = p(k), \qquad z = (e_{k_1}, e_{k_2}, \dots)

    Any value is read as its nearest codes.

    Args:
        indices: p(k), of integers with event shape ``(groups, *grid)``.
        codebook: The vectors :math:`e`, ``(codes, code_features)``.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, indices: Any, codebook: Tensor) -> None:
        self.indices = indices
        self.codebook = codebook
        groups, *grid = indices.event_shape
        shape = Size([groups * codebook.shape[-1], *grid])
        super().__init__(indices.batch_shape, shape, validate_args=False)

    @constraints.dependent_property
    def support(self) -> Any:
        """Latents made of the codebook's vectors."""
        return CodeVectors(self.codebook, self.event_dim)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws numbers and looks their vectors up."""
        with torch.no_grad():
            drawn = self.indices.sample(torch.Size(sample_shape))
            return join(embedding(drawn, self.codebook), self.event_dim)

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-probability of the numbers of the nearest codes."""
        vectors = split(value.detach(), self.codebook.shape[-1], self.event_dim)
        return self.indices.log_prob(nearest(vectors, self.codebook.detach()))

    def expand(self, batch_shape: Any, _instance: Any = None) -> "Codes":
        """The same with another batch shape."""
        return Codes(self.indices.expand(torch.Size(batch_shape)), self.codebook)


class AutoregressiveCodes(TorchDistribution):
    r"""Integers one after another, each with logits from a network that sees those before it.

    .. math:: p(k) = \prod_i \operatorname{softmax}(f(k_1, \dots, k_{i-1}))_{k_i}

    Args:
        network: From integers ``(n, positions)`` to logits ``(n, positions, codes)``, those at a
            position from the integers before it alone.
        event_shape: Shape of one array of integers, in the order in which they come.
        batch_shape: Shape of the batch.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, network: Any, event_shape: Size, batch_shape: Sequence[int] = ()) -> None:
        self.network = network
        super().__init__(Size(batch_shape), event_shape, validate_args=False)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws, one position after another."""
        shape = torch.Size(sample_shape) + self.shape()
        with torch.no_grad():
            device = next(self.network.parameters()).device
            k = torch.zeros(shape, dtype=torch.long, device=device).flatten(-self.event_dim)
            k = k.reshape(-1, k.shape[-1])
            for i in range(k.shape[-1]):
                k[:, i] = Categorical(logits=normalized(self.network(k)[:, i])).sample()
            return k.reshape(shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """The sum over positions, all at once."""
        batch = torch.broadcast_shapes(value.shape[: -self.event_dim], self.batch_shape)
        k = value.reshape(-1, self.event_shape.numel())
        each = Categorical(logits=normalized(self.network(k))).log_prob(k)
        return each.sum(-1).reshape(value.shape[: -self.event_dim]).expand(batch)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "AutoregressiveCodes":
        """The same with another batch shape."""
        return AutoregressiveCodes(self.network, self.event_shape, torch.Size(batch_shape))
