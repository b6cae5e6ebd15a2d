"""A number with its errors from real data and from samples."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["GROUPS", "Estimate", "with_errors"]

GROUPS = 10


@dataclass(frozen=True)
class Estimate:
    """A number with its errors.

    Attributes:
        value: The number.
        data_se: Its standard error from the real data.
        mc_se: Its standard error from the samples.
    """

    value: float
    data_se: float
    mc_se: float

    def __str__(self) -> str:
        return f"{self.value:.3f}  (data_se {self.data_se:.3f}, mc_se {self.mc_se:.3f})"


def with_errors(
    statistic: Callable[[Tensor, Tensor], Tensor], real: int, generated: int
) -> list[Estimate]:
    r"""Numbers of real data and samples, with errors from their tenths.

    Tenths are divided at random, with a seed of their own, whatever order the data are in. The
    statistic of each tenth of the data and each tenth of the samples, :math:`\theta_{ab}`, varies
    as it would for other data of a tenth of the number; with the variance in proportion to 1/N,

    .. math:: \mathrm{se}^2_\text{data} = \frac{1}{G} \cdot \frac{1}{G} \sum_{b=1}^{G}
        \operatorname{Var}_a(\theta_{ab})

    and likewise for the samples. Neither the bootstrap does for nearest neighbours, which takes a
    datum twice, nor the jackknife, which counts the effect of neighbours on each other several
    times. Politis and Romano, 1994, Large sample confidence regions based on subsamples under
    minimal assumptions, https://doi.org/10.1214/aos/1176325770.

    Args:
        statistic: A function of the positions of the real data and of the samples that count,
            which gives a vector.
        real: Number of real data.
        generated: Number of samples.
    """
    value = statistic(torch.arange(real), torch.arange(generated))
    # At random, since data in an order, such as by turns of their labels, differ between strides.
    generator = torch.Generator().manual_seed(0)
    parts = [
        [order[a::GROUPS] for a in range(GROUPS)]
        for order in (torch.randperm(n, generator=generator) for n in (real, generated))
    ]
    tenths = torch.stack(
        [torch.stack([statistic(data, draws) for draws in parts[1]]) for data in parts[0]]
    )
    of_data, of_draws = ((tenths.var(dim).mean(0) / GROUPS).sqrt() for dim in (0, 1))
    return [Estimate(*map(float, entry)) for entry in zip(value, of_data, of_draws, strict=True)]
