"""Random numbers that are given: a program's draws as a function of standard normal noise."""

from collections.abc import Callable
from math import prod, sqrt
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["Noise"]

# The closest that a uniform number comes to 0 and 1, where its logarithm and the normal's quantile end.
EDGE = 1e-7


class Noise(TorchFunctionMode):
    r"""Hands out noise wherever a program asks torch for random numbers.

    Normal numbers are :math:`\mu + \sigma \epsilon`, uniform ones :math:`u = \Phi(\epsilon)`, and a
    category is :math:`\arg\max_k (\log p_k - \log(-\log u_k))`, by the Gumbel-max trick.

    Args:
        noise: Standard normal numbers ``(1, K)``; drawn from torch's generator where left out.

    Attributes:
        taken: How many numbers were handed out.

    Raises:
        NotImplementedError: Within the block, if a draw has no such form. The function is named.
    """

    def __init__(self, noise: Tensor | None = None) -> None:
        super().__init__()
        self.noise = noise
        self.taken = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in KNOWN:
            return KNOWN[name](self, *args, **kwargs)
        if name in REFUSED:
            raise NotImplementedError(f"draws by torch.{name} are no function of given noise")
        return func(*args, **kwargs)

    def _take(self, shape: Any) -> Tensor:
        shape = torch.Size(shape)
        n = prod(shape)
        start, self.taken = self.taken, self.taken + n
        if self.noise is None:
            return torch.ops.aten.randn.default(list(shape))
        return self.noise[0, start : start + n].reshape(shape)

    def _uniform_of(self, shape: Any) -> Tensor:
        below: Tensor = 0.5 * torch.erfc(-self._take(shape) / sqrt(2))
        return below.clamp(EDGE, 1 - EDGE)

    def _normal(self, mean: Any, std: Any = 1.0, size: Any = None, **_: Any) -> Tensor:
        if size is None:
            size = torch.broadcast_shapes(*(v.shape for v in (mean, std) if isinstance(v, Tensor)))
        noise = self._take(size)
        return mean + std * noise

    def _normal_in_place(self, tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
        return mean + std * self._take(tensor.shape)

    def _uniform(self, tensor: Tensor, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * self._uniform_of(tensor.shape)

    def _exponential(self, tensor: Tensor, rate: float = 1.0) -> Tensor:
        return -self._uniform_of(tensor.shape).log() / rate

    def _randn(self, *size: Any, **_: Any) -> Tensor:
        return self._take(_size(size))

    def _rand(self, *size: Any, **_: Any) -> Tensor:
        return self._uniform_of(_size(size))

    def _randn_like(self, like: Tensor, **_: Any) -> Tensor:
        return self._take(like.shape)

    def _rand_like(self, like: Tensor, **_: Any) -> Tensor:
        return self._uniform_of(like.shape)

    def _bernoulli(self, probabilities: Tensor, **_: Any) -> Tensor:
        return (self._uniform_of(probabilities.shape) < probabilities).to(probabilities)

    def _multinomial(
        self, weights: Tensor, num_samples: int, replacement: bool = False, **_: Any
    ) -> Tensor:
        if not replacement and num_samples > 1:
            raise NotImplementedError("draws without replacement are no function of given noise")
        gumbel = -(-self._uniform_of((num_samples, *weights.shape)).log()).log()
        return (weights.log() + gumbel).argmax(-1).movedim(0, -1)


KNOWN: dict[str, Callable[..., Tensor]] = {
    "normal": Noise._normal,
    "normal_": Noise._normal_in_place,
    "uniform_": Noise._uniform,
    "exponential_": Noise._exponential,
    "randn": Noise._randn,
    "rand": Noise._rand,
    "randn_like": Noise._randn_like,
    "rand_like": Noise._rand_like,
    "bernoulli": Noise._bernoulli,
    "multinomial": Noise._multinomial,
}
REFUSED = (
    *("_standard_gamma", "_sample_dirichlet", "poisson", "binomial", "cauchy_", "geometric_"),
    *("log_normal_", "bernoulli_", "randint", "randperm", "random_", "randint_like"),
)


def _size(size: tuple[Any, ...]) -> Any:
    return size[0] if len(size) == 1 and not isinstance(size[0], int) else size
