"""The bounds of several subsets of the modalities together."""

from collections.abc import Iterator
from typing import Any

import pyro.infer
import torch
from pyro import poutine
from torch import Tensor

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

    The programs are those of a `MultimodalVAE`: they take a tensor for each modality, and behind
    these a mask of which ones a datum has, bool ``(n, M)``. What is reported of a model has nothing
    of this sum in it.

    Wu and Goodman, 2018, Multimodal generative models for scalable weakly-supervised learning,
    https://arxiv.org/abs/1802.05335.

    Args:
        elbo: The estimator of L; `ELBO` with one particle if left out.
        subsets: Number of random subsets k.

    Raises:
        ValueError: If the number is negative; at the first call, if the programs take no mask.
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
        """Programs and batch of each term."""
        views, present = _divided(args)
        yield (model, guide, *views, present)
        n, m = present.shape
        device = present.device
        chosen = [torch.arange(m, device=device) == i for i in range(m)]
        chosen += [torch.rand(n, m, device=device) < 0.5 for _ in range(self.subsets)]
        for subset in chosen:
            there = present & subset
            some = there.any(1)
            # Where a datum has none of them, something has to stand there that is not counted.
            there = torch.where(some[:, None], there, present)
            masked = (poutine.mask(program, mask=some) for program in (model, guide))
            yield (*masked, *views, there)


def _divided(args: tuple[Any, ...]) -> tuple[tuple[Any, ...], Tensor]:
    """The tensor of each modality, and which ones each datum has.

    Raises:
        ValueError: If there are not several modalities.
    """
    last = args[-1]
    masked = isinstance(last, Tensor) and last.dtype == torch.bool and last.dim() == 2
    views = args[:-1] if masked and last.shape[1] == len(args) - 1 else args
    tensors = [x for x in views if x is not None]
    if len(views) < 2 or not tensors:
        raise ValueError(
            f"expected batches of several modalities, as a MultimodalVAE takes, got {len(views)}"
        )
    present = torch.tensor([x is not None for x in views], device=tensors[0].device)
    present = present.expand(len(tensors[0]), -1)
    return views, present if views is args else present & last
