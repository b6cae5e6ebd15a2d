"""The Frechet distance of data and samples."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from pyrovae.sample_quality.estimate import Estimate
from pyrovae.sample_quality.features import Features, check_pair

__all__ = ["FrechetDistance", "frechet_distance"]

#: Below this share of the largest, an eigenvalue is rounding.
ROUNDING = 1e-10


@dataclass(frozen=True)
class FrechetDistance:
    """What `frechet_distance` found.

    Attributes:
        distance: The squared distance, as it is always reported.
        network: The name and version of the network whose features these are.
        features: Number d of features.
        real: Number of real data.
        generated: Number of samples.
        warnings: What to distrust, in sentences.
    """

    distance: Estimate
    network: str
    features: int
    real: int
    generated: int
    warnings: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        of = f"{self.real} data, {self.generated} samples, d = {self.features}; {self.network}"
        lines = [f"Frechet    {self.distance}  {of}"]
        return "\n".join([*lines, *(f"  warning: {warning}" for warning in self.warnings)])


def frechet_distance(real: Features, generated: Features) -> FrechetDistance:
    r"""The Frechet distance of data and samples, as if their features were normal.

    .. math:: \lVert \mu - \mu' \rVert^2 + \operatorname{tr}\left(\Sigma + \Sigma' -
        2 (\Sigma^{1/2} \Sigma' \Sigma^{1/2})^{1/2}\right)

    In the features of `inception` this is the FID. It is biased upward, the more the fewer data
    there are: compare at the same numbers, 50,000 by custom. The errors are those of the delta
    method, without this bias: the distance changes with a datum f, to first order and up to a
    constant, by

    .. math:: 2 (\mu - \mu')^\top (f - \mu) + (f - \mu)^\top (I - T) (f - \mu), \qquad
        T = \Sigma^{-1/2} (\Sigma^{1/2} \Sigma' \Sigma^{1/2})^{1/2} \Sigma^{-1/2}

    Heusel et al., 2017, GANs trained by a two time-scale update rule converge to a local Nash
    equilibrium, https://arxiv.org/abs/1706.08500; on its bias Chong and Forsyth, 2020, Effectively
    unbiased FID and inception score, https://arxiv.org/abs/1911.07023.

    Args:
        real: Features of real data.
        generated: Features of samples, of the same network.

    Raises:
        ValueError: If the features are of different networks or sizes, or there are fewer than two
            of either.
    """
    check_pair(real, generated)
    if min(len(real), len(generated)) < 2:
        raise ValueError(
            f"expected at least two data and two samples, got {len(real)} and {len(generated)}"
        )
    a, b = (features.values - features.values.mean(0) for features in (real, generated))
    apart = real.values.mean(0) - generated.values.mean(0)
    first, second = a.T @ a / (len(a) - 1), b.T @ b / (len(b) - 1)
    root, inverse = _root(first)
    middle, middle_inverse = _root(root @ second @ root)
    # Rounding may leave a distance of nothing below zero.
    value = apart.square().sum() + (first.trace() + second.trace() - 2 * middle.trace()).clamp(
        min=0
    )
    data_se = _error(a, apart, inverse @ middle @ inverse)
    mc_se = _error(b, -apart, root @ middle_inverse @ root)
    d, n, m = a.shape[1], len(real), len(generated)
    warnings = []
    if min(n, m) <= d:
        warnings.append(
            f"{min(n, m)} data have no full covariance of {d} features, and the distance is far "
            "too high: take more than features"
        )
    return FrechetDistance(Estimate(float(value), data_se, mc_se), real.network, d, n, m, warnings)


def _root(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The root of a covariance, and the inverse of that where it has one."""
    values, vectors = torch.linalg.eigh(matrix)
    known = values > ROUNDING * values.max().clamp(min=0)
    roots = values.clamp(min=0).sqrt()
    inverses = torch.where(known, 1 / roots, 0.0)
    return (vectors * roots) @ vectors.T, (vectors * inverses) @ vectors.T


def _error(centred: Tensor, apart: Tensor, transport: Tensor) -> float:
    """The standard error of the distance from one of the two sets of data."""
    change = (
        2 * centred @ apart + centred.square().sum(1) - ((centred @ transport) * centred).sum(1)
    )
    return float(change.std() / len(change) ** 0.5)
