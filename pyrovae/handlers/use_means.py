"""Putting means in the place of a program's draws."""

import warnings
from collections.abc import Callable
from typing import Any

from pyro import poutine
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message
from torch import Tensor
from torch.nn.functional import normalize

from pyrovae.handlers.sites import is_latent
from pyrovae.latents import latent_kind

__all__ = ["UseMeans", "latent_means"]


class UseMeans(Messenger):
    """Gives each latent site the mean of its distribution instead of a draw.

    Where a distribution has no mean in closed form, the mean of ``draws`` draws stands in, and
    where it has none at all (a Cauchy, or a categorical's labels), its mode; a warning names the
    site. On a sphere it is the mean direction, for the mean itself is inside. A one-hot
    vector's mean is its probabilities.

    Args:
        draws: Number of draws where there is no closed form.
    """

    def __init__(self, draws: int = 100) -> None:
        super().__init__()
        self.draws = draws

    def _pyro_sample(self, msg: Message) -> None:
        if msg["done"] or not is_latent(msg):
            return
        msg["value"] = self._mean(msg["name"], msg["fn"])
        msg["done"] = True

    def _mean(self, name: Any, fn: Any) -> Tensor:
        kind = type(fn).__name__
        try:
            mean = fn.mean
        except NotImplementedError:
            warnings.warn(
                f"site {name!r}: {kind} has no mean in closed form, "
                f"so the mean of {self.draws} draws is given",
                stacklevel=2,
            )
            mean = fn.sample((self.draws,)).mean(0)
        if mean.isnan().any():
            warnings.warn(f"site {name!r}: {kind} has no mean, so its mode is given", stacklevel=2)
            mean = fn.mode
        return normalize(mean, dim=-1) if latent_kind(fn) == "sphere" else mean


def latent_means(guide: Callable[..., Any], *batch: Tensor) -> dict[str, Tensor]:
    """The mean of each latent site of a guide, each taken at the means of those before it."""
    trace = poutine.trace(UseMeans()(guide)).get_trace(*batch)
    return {name: site["value"] for name, site in trace.nodes.items() if is_latent(site)}
