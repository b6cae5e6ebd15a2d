"""Putting means in the place of a program's draws."""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from pyro import poutine
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message
from torch import Tensor
from torch.nn.functional import normalize

from pyrovae.handlers.sites import is_latent
from pyrovae.latents import latent_kind

__all__ = ["SiteMean", "UseMeans", "latent_means", "mean_of", "mean_or_draw"]


class SiteMean(NamedTuple):
    """The mean of a distribution, or what stands in for it.

    Attributes:
        value: The mean, ``(*batch, *event)``.
        variance: The variance of ``value`` where it is the mean of draws, in its shape: by so
            much it differs from the true mean. None where it is exact.
        remark: What stands in for the mean, in words that follow the distribution's name; None
            where it is the mean itself.
    """

    value: Tensor
    variance: Tensor | None = None
    remark: str | None = None


def mean_of(fn: Any, *, draws: int = 100, at_once: int | None = None) -> SiteMean:
    """The mean of a distribution.

    Where there is none in closed form, the mean of draws stands in, and where there is none at
    all (a Cauchy, or a categorical's labels), the mode. On a sphere it is the mean direction,
    for the mean itself is inside. A one-hot vector's mean is its probabilities.

    Args:
        fn: The distribution.
        draws: Number of draws where there is no closed form, at least 2.
        at_once: How many of them in one call, which sets the memory used. All, if left out.
    """
    variance = remark = None
    try:
        mean = fn.mean
    except NotImplementedError:
        remark = f"has no mean in closed form, so the mean of {draws} draws is given"
        at_once = at_once or draws
        parts = [fn.sample((min(at_once, draws - i),)) for i in range(0, draws, at_once)]
        sample = torch.cat(parts)
        mean, variance = sample.mean(0), sample.var(0) / draws
    # A mean of draws is NaN only where a draw is: a fault, and no want of a mean.
    if variance is None and mean.isnan().any():
        try:
            return SiteMean(fn.mode, remark="has no mean, so its mode is given")
        except NotImplementedError:  # as of a codebook that is NaN
            return SiteMean(mean, remark="has a mean that is NaN")
    if latent_kind(fn) == "sphere":
        if variance is not None:
            variance = variance / mean.square().sum(-1, keepdim=True)
        mean = normalize(mean, dim=-1)
    return SiteMean(mean, variance, remark)


def mean_or_draw(
    name: str, fn: Any, drawn: Tensor | None = None, *, stacklevel: int = 3
) -> Tensor:
    """The mean of data, or a draw where there is none in closed form, which a warning says.

    A picture of draws is one of data; the mean of a few draws would be neither.

    Args:
        name: The data's site.
        fn: Their distribution.
        drawn: A draw, if there is one already.
        stacklevel: Whose line the warning names, as `warnings.warn` counts.
    """
    try:
        mean: Tensor = fn.mean
    except NotImplementedError:
        warnings.warn(
            f"site {name!r}: {type(fn).__name__} has no mean in closed form, so a draw is given",
            stacklevel=stacklevel,
        )
        found: Tensor = fn.sample() if drawn is None else drawn
        return found
    return mean


class UseMeans(Messenger):
    """Gives each latent site the mean of its distribution instead of a draw.

    What stands in where there is no mean in closed form, `mean_of` says; a warning names the
    site.

    Args:
        draws: Number of draws where there is no closed form.
    """

    def __init__(self, draws: int = 100) -> None:
        super().__init__()
        self.draws = draws

    def _pyro_sample(self, msg: Message) -> None:
        if msg["done"] or not is_latent(msg):
            return
        mean = mean_of(msg["fn"], draws=self.draws)
        if mean.remark is not None:
            warnings.warn(
                f"site {msg['name']!r}: {type(msg['fn']).__name__} {mean.remark}", stacklevel=2
            )
        msg["value"] = mean.value
        msg["done"] = True


def latent_means(guide: Callable[..., Any], *batch: Tensor) -> dict[str, Tensor]:
    """The mean of each latent site of a guide, each taken at the means of those before it."""
    trace = poutine.trace(UseMeans()(guide)).get_trace(*batch)
    return {name: site["value"] for name, site in trace.nodes.items() if is_latent(site)}
