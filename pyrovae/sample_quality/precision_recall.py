"""Precision and recall of samples."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pyrovae.sample_quality.balls import Distances
from pyrovae.sample_quality.estimate import Estimate, with_errors
from pyrovae.sample_quality.features import Features

__all__ = ["PrecisionRecall", "precision_recall"]


@dataclass(frozen=True)
class PrecisionRecall:
    """What `precision_recall` found.

    Attributes:
        precision: The share of the samples that lie among the real data.
        recall: The share of the real data that lie among the samples.
        network: The name and version of the network whose features these are.
        neighbours: The k of the balls.
        real: Number of real data.
        generated: Number of samples.
    """

    precision: Estimate
    recall: Estimate
    network: str
    neighbours: int
    real: int
    generated: int

    def __str__(self) -> str:
        of = f"{self.real} data, {self.generated} samples, k = {self.neighbours}; {self.network}"
        return f"precision  {self.precision}  {of}\nrecall     {self.recall}  {of}"


def precision_recall(
    real: Features, generated: Features, *, neighbours: int = 3
) -> PrecisionRecall:
    r"""How many samples lie among the data (precision), and how many data among samples (recall).

    A point lies among others if it is in one of the closed balls around them that reach to their
    k-th nearest neighbour, the radius :math:`r_k`:

    .. math:: \text{precision} = \frac{1}{M} \sum_{j=1}^{M}
        1\left[\exists i: \lVert g_j - f_i \rVert \le r_k(f_i)\right], \qquad
        \text{recall} = \frac{1}{N} \sum_{i=1}^{N}
        1\left[\exists j: \lVert f_i - g_j \rVert \le r_k(g_j)\right]

    Both depend on the numbers N of real data f and M of samples g: compare at the same ones. Memory
    holds the distances of all pairs.

    Kynkaanniemi et al., 2019, Improved precision and recall metric for assessing generative models,
    https://arxiv.org/abs/1904.06991.

    Args:
        real: Features of real data.
        generated: Features of samples, of the same network.
        neighbours: The k.

    Raises:
        ValueError: If the features are of different networks or sizes, or there are too few.
    """
    distances = Distances(real, generated, neighbours)

    def statistic(data: Tensor, draws: Tensor) -> Tensor:
        across = distances.across[data][:, draws]
        of_data = distances.radii(distances.real, data)
        of_draws = distances.radii(distances.generated, draws)
        among_data = (across <= of_data[:, None]).any(0).double().mean()
        among_draws = (across <= of_draws).any(1).double().mean()
        return torch.stack([among_data, among_draws])

    precision, recall = with_errors(statistic, len(real), len(generated))
    return PrecisionRecall(precision, recall, real.network, neighbours, len(real), len(generated))
