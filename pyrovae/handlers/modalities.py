"""A subset of the modalities that a batch has."""

from collections.abc import Callable
from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import effectful
from torch import Tensor

__all__ = ["KeepModalities", "modalities_there"]


@effectful(type="modalities")
def modalities_there(there: Tensor, present: Tensor | None) -> Tensor | None:
    """Which modalities a program is to see: the mask that it was given, unless a handler says else.

    Args:
        there: Those that the batch has, bool ``(n, M)``.
        present: The mask.
    """
    return present


class KeepModalities(Messenger):
    """Lets a program see some of the modalities that there are, and masks data that then have none.

    The program says itself, by `modalities_there`, which of its tensors are modalities. Model and
    guide under one handler see the same.

    Args:
        choose: Gives, from what is there, bool ``(n, M)``, what is to be kept, likewise.

    Attributes:
        there: What a program said is there; None as long as none has.
    """

    def __init__(self, choose: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.choose = choose
        self.there: Tensor | None = None
        self._kept: Any = None
        self._some: Any = None

    def _pyro_post_modalities(self, msg: Any) -> None:
        there, _ = msg["args"]
        if self.there is None:
            self.there = there
            kept = there & self.choose(there)
            self._some = kept.any(1)
            # Where a datum has none of them, something has to stand there that is not counted.
            self._kept = torch.where(self._some[:, None], kept, there)
        msg["value"] = self._kept

    def _pyro_sample(self, msg: Any) -> None:
        if self._some is not None:
            msg["mask"] = self._some if msg["mask"] is None else msg["mask"] & self._some
