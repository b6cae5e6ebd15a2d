"""The sum of the codes of several stages."""

from torch import Tensor

from pyrovae.nn.network import Network, Shape, as_size

__all__ = ["SumOfStages"]


class SumOfStages(Network):
    r"""Adds up the codes of all stages of a `ResidualCodebook`, as a decoder's first layer.

    .. math:: (e^1, \dots, e^S) \mapsto \sum_s e^s

    Zeghidour et al., 2021, SoundStream: an end-to-end neural audio codec,
    https://arxiv.org/abs/2107.03312.

    Args:
        in_shape: Shape of one latent, ``(stages * C, *grid)``.
        stages: Number of stages S.

    Raises:
        ValueError: If the first dimension is not divisible by the number of stages.
    """

    def __init__(self, in_shape: Shape, stages: int) -> None:
        first, *grid = as_size(in_shape, "in_shape")
        if stages < 1 or first % stages:
            raise ValueError(
                f"stages: expected a divisor of the first dimension of in_shape, {first}, got "
                f"{stages}"
            )
        super().__init__(in_shape, [first // stages, *grid])
        self.stages = stages

    def transform(self, x: Tensor) -> Tensor:
        """Maps ``(n, stages * C, *grid)`` to ``(n, C, *grid)``."""
        return x.unflatten(1, (self.stages, -1)).sum(1)
