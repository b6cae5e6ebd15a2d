"""The sum of the bounds of several subsets of the modalities."""

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
    r"""The sum of the bounds of all modalities, of each single one, and of random subsets.

    .. math:: L(x_1, \dots, x_M) + \sum_{m=1}^{M} L(x_m)
        + \sum_{j=1}^{k} L\big((x_m)_{m \in S_j}\big)

    where L is the bound for the modalities that are present (the sub-sampled objective of the
    MVAE). A `ProductPosterior` that is only trained with all modalities may fail to use a single
    one, because the first term does not constrain the experts individually. Subsets are drawn anew
    for each datum and step. A datum without any of a subset's modalities has no such term.

    The programs must be those of a `MultimodalVAE`, which knows which of its tensors are
    modalities. Reports of a model do not include this sum.

    Wu and Goodman, 2018, Multimodal generative models for scalable weakly-supervised learning,
    https://arxiv.org/abs/1802.05335.

    Args:
        elbo: The estimator of L; `ELBO` with one particle if None.
        subsets: Number k of random subsets.

    Raises:
        ValueError: If ``subsets`` is negative; at the first call, if the programs are not those of
            such a model.
    """

    def __init__(self, elbo: pyro.infer.ELBO | None = None, *, subsets: int = 1) -> None:
        super().__init__(elbo)
        if subsets < 0:
            raise ValueError(f"subsets: expected at least 0, got {subsets}")
        self.subsets = subsets

    def programs(self, model: Program, guide: Program) -> tuple[Program, Program]:
        """Returns the programs unchanged."""
        return model, guide

    def loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> float:
        """Returns minus the sum of the bounds, summed over the batch, as a number."""
        return sum(self.elbo.loss(*part, **kwargs) for part in self._parts(model, guide, args))

    def differentiable_loss(
        self, model: Program, guide: Program, *args: Any, **kwargs: Any
    ) -> Tensor:
        """Returns minus the sum of the bounds, summed over the batch, with its gradient."""
        parts = self._parts(model, guide, args)
        total: Any = sum(self.elbo.differentiable_loss(*part, **kwargs) for part in parts)
        return total

    def loss_and_grads(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Any:
        """Returns minus the sum of the bounds; adds to the parameters' gradients."""
        parts = self._parts(model, guide, args)
        return sum(self.elbo.loss_and_grads(*part, **kwargs) for part in parts)

    def _parts(
        self, model: Program, guide: Program, args: tuple[Any, ...]
    ) -> Iterator[tuple[Any, ...]]:
        """Yields programs and batch of each term; consume each one before asking for the next."""
        every = KeepModalities(torch.ones_like)
        yield (every(model), every(guide), *args)
        if every.there is None:
            raise ValueError(
                "expected the model and guide of a multimodal model, such as MultimodalVAE"
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
