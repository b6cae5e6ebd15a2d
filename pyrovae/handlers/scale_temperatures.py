"""Changing the temperature of a program's relaxed latents."""

from typing import Any

from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message
from torch import Tensor

from pyrovae.distributions import RelaxedOneHots
from pyrovae.handlers.sites import is_latent

__all__ = ["ScaleTemperatures"]


class ScaleTemperatures(Messenger):
    """Multiplies the temperature of each relaxed categorical latent by a factor.

    Args:
        factor: The factor, a 0-dim tensor.
    """

    def __init__(self, factor: Tensor) -> None:
        super().__init__()
        self.factor = factor

    def _pyro_sample(self, msg: Message) -> None:
        fn: Any = msg["fn"]
        if is_latent(msg) and isinstance(fn, RelaxedOneHots):
            msg["fn"] = fn.at(fn.temperature * self.factor)
