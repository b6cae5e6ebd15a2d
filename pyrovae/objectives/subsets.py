"""The bounds of several subsets of the modalities together."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pyro.infer
import torch
from torch import Tensor

from pyrovae.handlers import KeepModalities
from pyrovae.objectives.base import Program
from pyrovae.objectives.wrapped import WrappedELBO

__all__ = ["SubsetsELBO"]


class SubsetsELBO(WrappedELBO):
    r"""The sum of the bounds of all modalities, of each alone, and of random subsets.

    .. math:: L(x_1, \dots, x_M) + \sum_{m=1}^{M} L(x_m)
        + \sum_{j=1}^{k} L\big((x_m)_{m \in S_j}\big)

    where L is the bound of what is there (the sub-sampled objective of the MVAE). A
    `ProductPosterior` that was trained with all modalities alone may make nothing of one of them
    by itself: the first term says nothing of the experts one by one. Subsets are drawn anew for each
    datum and step; of a datum that has none of a subset's modalities there is no such term.

    The programs are those of a `MultimodalVAE`, which know themselves which of their tensors are
    modalities. What is reported of a model has nothing of this sum in it.

    Wu and Goodman, 2018, Multimodal generative models for scalable weakly-supervised learning,
    https://arxiv.org/abs/1802.05335.

    Args:
        elbo: The estimator of L; `ELBO` with one particle if left out.
        subsets: Number of random subsets k.

    Raises:
        ValueError: If the number is negative; at the first call, if the programs are of no such
            model.
    """

    def __init__(self, elbo: pyro.infer.ELBO | None = None, *, subsets: int = 1) -> None:
        super().__init__(elbo)
        if subsets < 0:
            raise ValueError(f"subsets: expected at least 0, got {subsets}")
        self.subsets = subsets

    def programs(self, model: Program, guide: Program) -> tuple[Program, Program]:
        """The programs as they are."""
        return model, guide

    def loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> float:
        """Minus the sum of the bounds, summed over the batch, as a number."""
        return sum(self.elbo.loss(*part, **kwargs) for part in self._parts(model, guide, args))

    def differentiable_loss(
        self, model: Program, guide: Program, *args: Any, **kwargs: Any
    ) -> Tensor:
        """Minus the sum of the bounds, summed over the batch, with its gradient."""
        parts = self._parts(model, guide, args)
        total: Any = sum(self.elbo.differentiable_loss(*part, **kwargs) for part in parts)
        return total

    def loss_and_grads(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Any:
        """Minus the sum of the bounds; the gradients are added to the parameters'."""
        parts = self._parts(model, guide, args)
        return sum(self.elbo.loss_and_grads(*part, **kwargs) for part in parts)

    def _parts(
        self, model: Program, guide: Program, args: tuple[Any, ...]
    ) -> Iterator[tuple[Any, ...]]:
        """Programs and batch of each term, each asked for when the one before it has been run."""
        every = KeepModalities(torch.ones_like)
        yield (every(model), every(guide), *args)
        if every.there is None:
            raise ValueError(
                "expected the programs of a model of several modalities, such as MultimodalVAE, "
                "got others"
            )
        m, device = every.there.shape[1], every.there.device
        choices: list[Callable[[Tensor], Tensor]] = [
            partial(_one, torch.arange(m, device=device) == i) for i in range(m)
        ]
        choices += [_some] * self.subsets
        for choose in choices:
            keep = KeepModalities(choose)
            yield (keep(model), keep(guide), *args)


def _one(which: Tensor, there: Tensor) -> Tensor:
    return which.expand_as(there)


def _some(there: Tensor) -> Tensor:
    return torch.rand(there.shape, device=there.device) < 0.5
