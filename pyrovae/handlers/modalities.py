"""Restricting programs to a subset of the modalities of a batch."""

from collections.abc import Callable
from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import effectful
from torch import Tensor

__all__ = ["KeepModalities", "modalities_there"]


@effectful(type="modalities")
def modalities_there(there: Tensor, present: Tensor | None) -> Tensor | None:
    """Which modalities a program is to see: the given mask, unless a handler changes it.

    Args:
        there: The modalities that the batch has, bool ``(n, M)``.
        present: The mask.
    """
    return present


class KeepModalities(Messenger):
    """Lets a program see a subset of the modalities, and masks data that are left with none.

    The program itself says which of its tensors are modalities, by calling `modalities_there`.
    Model and guide under one handler see the same subset.

    Args:
        choose: Returns which modalities to keep, bool ``(n, M)``, given which exist, bool ``(n,
            M)``.

    Attributes:
        there: The modalities that exist, as reported by a program; None until then.
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
            # A datum left with none keeps all as a placeholder, and is masked.
            self._kept = torch.where(self._some[:, None], kept, there)
        msg["value"] = self._kept

    def _pyro_sample(self, msg: Any) -> None:
        if self._some is not None:
            msg["mask"] = self._some if msg["mask"] is None else msg["mask"] & self._some
