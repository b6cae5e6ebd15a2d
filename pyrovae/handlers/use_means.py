"""Replacing the draws of a program by means."""

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
    """The mean of a distribution, or a substitute.

    Attributes:
        value: The mean, ``(*batch, *event)``.
        variance: The variance of ``value`` around the true mean if it is an average of draws, in
            the same shape. None if it is exact.
        remark: The substitute that is used, in words that follow the distribution's name; None for
            the mean itself.
    """

    value: Tensor
    variance: Tensor | None = None
    remark: str | None = None


def mean_of(fn: Any, *, draws: int = 100, at_once: int | None = None) -> SiteMean:
    """Returns the mean of a distribution.

    If it has no closed form, an average of draws is used; if there is no mean at all (a Cauchy, or
    a categorical's labels), the mode. On a sphere it is the mean direction, since the mean itself
    is inside the sphere. The mean of a one-hot vector is its probabilities.

    Args:
        fn: The distribution.
        draws: Number of draws if there is no closed form, at least 2.
        at_once: Number of draws in one call, which determines the memory used. All, if left out.
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
    # An average of draws is NaN only if a draw is: an error, not a missing mean.
    if variance is None and mean.isnan().any():
        try:
            return SiteMean(fn.mode, remark="has no mean, so its mode is given")
        except NotImplementedError:  # as for a codebook that is NaN
            return SiteMean(mean, remark="has a mean that is NaN")
    if latent_kind(fn) == "sphere":
        if variance is not None:
            variance = variance / mean.square().sum(-1, keepdim=True)
        mean = normalize(mean, dim=-1)
    return SiteMean(mean, variance, remark)


def mean_or_draw(
    name: str, fn: Any, drawn: Tensor | None = None, *, stacklevel: int = 3
) -> Tensor:
    """Returns the mean of data, or a draw, with a warning, if there is no closed form.

    A picture of a draw is a picture of data; an average of a few draws would be neither that nor
    the mean.

    Args:
        name: The name of the data's site.
        fn: The distribution of the data.
        drawn: A draw, if one exists already.
        stacklevel: The caller whose line the warning names, as for `warnings.warn`.
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

    If the mean has no closed form, `mean_of` says what replaces it, and a warning names the site.

    Args:
        draws: Number of draws if there is no closed form.
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
    """Returns the mean of each latent site of a guide, given the means of earlier sites."""
    trace = poutine.trace(UseMeans()(guide)).get_trace(*batch)
    return {name: site["value"] for name, site in trace.nodes.items() if is_latent(site)}
