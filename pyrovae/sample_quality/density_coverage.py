"""Density and coverage of samples."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pyrovae.sample_quality.balls import Distances
from pyrovae.sample_quality.estimate import Estimate, with_errors
from pyrovae.sample_quality.features import Features

__all__ = ["DensityCoverage", "density_coverage"]


@dataclass(frozen=True)
class DensityCoverage:
    """What `density_coverage` found.

    Attributes:
        density: In how many of the data's balls a sample lies, over k; 1 on average where samples
            are distributed as the data, more where they crowd where the data are dense.
        coverage: The share of the data that have a sample in their ball.
        expected_coverage: The coverage of samples that are distributed as the data.
        network: The name and version of the network whose features these are.
        neighbours: The k of the balls.
        real: Number of real data.
        generated: Number of samples.
    """

    density: Estimate
    coverage: Estimate
    expected_coverage: float
    network: str
    neighbours: int
    real: int
    generated: int

    def __str__(self) -> str:
        of = f"{self.real} data, {self.generated} samples, k = {self.neighbours}; {self.network}"
        expected = f"of samples like data {self.expected_coverage:.3f}"
        return f"density    {self.density}  {of}\ncoverage   {self.coverage}  {of}; {expected}"


def density_coverage(
    real: Features, generated: Features, *, neighbours: int = 5
) -> DensityCoverage:
    r"""How densely samples lie among the data, and how many of the data have samples about them.

    .. math:: \text{density} = \frac{1}{k M} \sum_{j=1}^{M} \sum_{i=1}^{N}
        1\left[\lVert g_j - f_i \rVert \le r_k(f_i)\right], \qquad
        \text{coverage} = \frac{1}{N} \sum_{i=1}^{N}
        1\left[\exists j: \lVert g_j - f_i \rVert \le r_k(f_i)\right]

    with closed balls around the data alone, so that an outlier among the samples makes no ball. For
    samples that are distributed as the data the expected density is 1, and the expected coverage

    .. math:: 1 - \frac{(N - 1) \cdots (N - k)}{(M + N - 1) \cdots (M + N - k)}

    whatever the distribution is, as long as it has a density. Memory holds the distances of all
    pairs.

    Naeem, Oh, Uh, Choi and Yoo, 2020, Reliable fidelity and diversity metrics for generative models,
    https://arxiv.org/abs/2002.09797.

    Args:
        real: Features of real data.
        generated: Features of samples, of the same network.
        neighbours: The k.

    Raises:
        ValueError: If the features are of different networks or sizes, or there are too few.
    """
    distances = Distances(real, generated, neighbours)

    def statistic(data: Tensor, draws: Tensor) -> Tensor:
        radii = distances.radii(distances.real, data)
        inside = distances.across[data][:, draws] <= radii[:, None]
        per_sample = inside.double().sum(0).mean() / neighbours
        return torch.stack([per_sample, inside.any(1).double().mean()])

    density, coverage = with_errors(statistic, len(real), len(generated))
    n, m = len(real), len(generated)
    missed = 1.0
    for i in range(1, neighbours + 1):
        missed *= (n - i) / (m + n - i)
    return DensityCoverage(
        density, coverage, 1 - missed, real.network, neighbours, len(real), len(generated)
    )
