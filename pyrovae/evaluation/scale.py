"""Whether the scale of the data suits the start of training."""

import warnings
from itertools import islice

import torch
from torch import Tensor
from torch.distributions import constraints

from pyrovae.datasets.memory import rows_to_look_at
from pyrovae.datasets.splits import Split
from pyrovae.datasets.tensor_split import TensorSplit
from pyrovae.datasets.values import to_dtype
from pyrovae.distributions import observed_mask
from pyrovae.programs import Program, dtype_of
from pyrovae.scope import isolated
from pyrovae.support import BatchCheck, base_constraint, support_of

__all__ = ["Scale", "check_scale"]

#: The largest factor between a standard deviation and 1, or a mean and its standard deviation.
FAR = 20
#: How many times smaller than the largest the standard deviation of a feature may be.
UNLIKE = 1000
LOOKED_AT = 10  # batches


class Scale:
    """The moments of variables, from batches that are added one after the other.

    Distances from the first value of each variable are summed, in double precision: the squares of
    data that lie far from zero would lose all digits.
    """

    def __init__(self) -> None:
        self._origin: Tensor | float = 0.0
        self._count: Tensor | float = 0.0
        self._sum: Tensor | float = 0.0
        self._squares: Tensor | float = 0.0

    def see(self, x: Tensor, mask: Tensor | None) -> None:
        """Adds a batch.

        Args:
            x: The data, ``(n, *event)``.
            mask: Which values were observed; all, if None.
        """
        x = x.detach().cpu().double()
        seen = torch.ones_like(x) if mask is None else mask.expand_as(x).cpu().double()
        first = x.gather(0, seen.argmax(0, keepdim=True))[0]
        new = (torch.as_tensor(self._count) == 0) & (seen > 0).any(0)
        self._origin = torch.where(new, first, self._origin)
        distance = torch.where(seen > 0, x - self._origin, 0.0)
        self._count = self._count + seen.sum(0)
        self._sum = self._sum + distance.sum(0)
        self._squares = self._squares + distance.square().sum(0)

    def moments(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each variable, each in the shape of a datum."""
        count = torch.as_tensor(self._count).clamp(min=1)
        shift = self._sum / count
        variance = (self._squares / count - shift.square()).clamp(min=0)
        return torch.as_tensor(self._origin) + shift, variance.sqrt()


@torch.no_grad()
def check_scale(model: Program, split: Split, device: torch.device) -> None:
    """Warns of data whose scale is far from that of networks and likelihoods at the start.

    A likelihood of real numbers (normal, Laplace, ...) starts with locations near 0 and scales
    near 1. If the data are many times larger or smaller, or far from 0, training first has to
    reach their scale, and the posterior may have collapsed by then. The check uses the first
    10,000 data if they are in memory, otherwise one batch, and fewer data if they are large.

    Args:
        model: The program and its guide.
        split: The training data.
        device: The device of the model.
    """
    check, dtype = BatchCheck(model), dtype_of(model)
    scales: dict[str, Scale] = {}
    with isolated(device, seed=0):
        number = LOOKED_AT if isinstance(split, TensorSplit) else 1
        for batch in islice(split.batches(rows_to_look_at(split.shape), device=device), number):
            for site in check.observed(to_dtype(batch, dtype)):
                if base_constraint(support_of(site.fn)) is constraints.real:
                    mask = observed_mask(site.fn, site.value)
                    scales.setdefault(site.name, Scale()).see(site.value, mask)
    least = getattr(getattr(model, "likelihood", None), "min_scale", None)
    for name, scale in scales.items():
        remark = _remark(*scale.moments(), least=least)
        if remark is not None:
            warnings.warn(
                f"site {name!r}: {remark}. Networks and scales start near mean 0 and standard "
                "deviation 1, so training will be slow or stall: standardise the data, (x - "
                "x.mean(0)) / x.std(0), and use the same mean and standard deviation for all "
                "later data",
                stacklevel=4,  # the caller of fit, which runs this check before the first epoch
            )


def _remark(mean: Tensor, std: Tensor, *, least: float | None) -> str | None:
    """What is unusual about means and standard deviations of variables, or None."""
    typical = std.square().mean().sqrt().item()
    farthest = mean.flatten()[mean.abs().argmax()].item()
    if not typical:  # one datum, or all data equal
        alike = f"the data are all alike, with values of up to {farthest:.3g}"
        return alike if abs(farthest) > FAR else None
    given = (
        f"the data have a standard deviation of {typical:.3g} and means of up to {farthest:.3g}"
    )
    if least is not None and typical < least:
        return f"{given}, below min_scale={least:g}, the smallest scale of the likelihood"
    if not 1 / FAR <= typical <= FAR or abs(farthest) > FAR * max(typical, 1 / FAR):
        return given
    varying = std[std > 0]
    if std.dim() == 1 and varying.max() > UNLIKE * varying.min():
        return (
            f"the standard deviations of the features go from {varying.min().item():.3g} to "
            f"{varying.max().item():.3g}"
        )
    return None
