"""Weighting the latent sites of a program."""

from collections.abc import Callable
from typing import Any

from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message
from torch import Tensor

from pyrovae.handlers.sites import is_latent

__all__ = ["ScaleLatents", "scale_latents"]


class ScaleLatents(Messenger):
    r"""Multiplies the log-probability of each latent site by a factor.

    Around both model and guide, it weights the KL term of any objective: :math:`E_q[\log p(x|z)] -
    \beta \, KL`. Unlike ``pyro.poutine.scale``, it leaves the data's site alone and allows a
    factor of zero, with which a warm-up begins.

    Args:
        factor: The weight :math:`\beta`, a number or a 0-dim tensor.
    """

    def __init__(self, factor: float | Tensor) -> None:
        super().__init__()
        self.factor = factor

    def _pyro_sample(self, msg: Message) -> None:
        if is_latent(msg):
            # For `scaled_from_outside`, which cannot examine a factor that is a tensor. Not stored
            # in "infer", which a replayed model takes over from the guide.
            notes: Any = msg
            notes.setdefault("unweighted", msg["scale"])
            msg["scale"] = msg["scale"] * self.factor


def scale_latents(fn: Callable[..., Any], factor: float | Tensor) -> Callable[..., Any]:
    """Wraps a model or guide in `ScaleLatents`."""
    return ScaleLatents(factor)(fn)
