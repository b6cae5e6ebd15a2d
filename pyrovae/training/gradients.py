"""Loss and gradients of one batch, through Pyro's handlers."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Literal

import pyro.infer
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pyrovae import ranks
from pyrovae.handlers import ScaleLatents
from pyrovae.nn.stepwise import one_step
from pyrovae.recent import shared_paths
from pyrovae.training.bfloat16 import BFloat16Products
from pyrovae.training.player import Player
from pyrovae.training.skips import Skips

__all__ = ["Gradients", "Precision", "reduced"]

Precision = Literal["float32", "bf16"]


class Gradients:
    """Runs model and guide under an objective and computes the gradients of one batch.

    Everything that training does before the optimizer moves is written here, once: the same lines
    run eagerly, and are traced and compiled (`pyrovae.training.compiled`).

    Args:
        model: The model program, a bound method or a free function.
        guide: Its guide.
        objective: An objective of this library or of Pyro.
        scale: The weight on the latent sites, if any.
        mean: Whether the gradient is of the mean over the batch; otherwise it is of the sum.
        clip_norm: Largest norm of the gradient. No limit, if left out.
        skips: Decides whether the gradient of a step is too large to be used.
        precision: "bf16" rounds the factors of matrix products and convolutions to bfloat16.
        parts: Number of parts in which a batch is processed, one after the other; their gradients
            are added up.
        data_in_plate: Number of data that a loss stands for, if the plate of the data sets it; the
            size of the batch, if left out.
        player: The adversary that the model is trained against.

    Raises:
        ValueError: If ``clip_norm`` is not positive, or if ``parts`` is more than one for a batch
            that stands for more data than it contains.
    """

    def __init__(
        self,
        model: Any,
        guide: Any,
        objective: pyro.infer.ELBO,
        *,
        scale: ScaleLatents | None = None,
        mean: bool = True,
        clip_norm: float | None = None,
        skips: Skips | None = None,
        precision: Precision = "float32",
        parts: int = 1,
        data_in_plate: int | None = None,
        player: Player | None = None,
    ) -> None:
        if parts > 1 and data_in_plate is not None:
            raise ValueError(
                f"accumulate: expected 1, because the data plate has size {data_in_plate} and "
                f"every part of a batch would be scaled to the whole data set, got {parts}"
            )
        if clip_norm is not None and not (isinstance(clip_norm, float | int) and clip_norm > 0):
            raise ValueError(f"clip_norm: expected a positive number, got {clip_norm!r}")
        self.model, self.guide = model, guide
        self.objective = objective
        self.scale = scale
        self.mean = mean
        self.clip_norm = clip_norm
        self.skips = skips
        self.precision = precision
        self.parts = parts
        self.data_in_plate = data_in_plate
        self.player = player

    def __call__(
        self,
        parameters: Sequence[Tensor],
        batch: tuple[Tensor, ...],
        own: Sequence[Tensor] | None = None,
    ) -> Tensor:
        """Fills the gradients of the model's and the adversary's parameters.

        In a step of several ranks (`pyrovae.ranks.step_of`) the gradients are of the mean over the
        data of all ranks.

        Args:
            parameters: The leaf tensors that model and guide use.
            batch: The arguments of model and guide: this rank's share, which may have no data.
            own: The leaf tensors that the adversary uses; its parameters, if left out.

        Returns:
            The loss, summed over the batch, 0-dim; against an adversary ``(3,)``, see `Player`.
            NaN if a gradient is not finite.
        """
        with one_step(getattr(self.model, "__self__", None)) as moving:
            loss = self._of_all(parameters, batch, own)
            is_taken = self.taken(loss).isfinite().all()
            for module in moving:
                module.settle(is_taken)
        return loss

    def _of_all(
        self,
        parameters: Sequence[Tensor],
        batch: tuple[Tensor, ...],
        own: Sequence[Tensor] | None,
    ) -> Tensor:
        """Fills the gradients over all ranks, and returns NaN if one is not finite."""
        if own is None:
            own = [] if self.player is None else self.player.parameters
        leaves = [*parameters, *own]
        for parameter in leaves:
            parameter.grad = None
        if len(batch[0]):
            loss = self._local(parameters, own, batch)
        else:
            loss = batch[0].new_zeros(() if self.player is None else 3)
        loss = reduced(leaves, loss)
        gradients = [p.grad for p in leaves if p.grad is not None]
        if not gradients:
            return loss
        # One number shows whether any gradient is not finite, before the weights are spoilt. (A
        # norm would too, but compiles to one kernel for each parameter.)
        total = torch.stack([gradient.sum() for gradient in gradients]).sum()
        if self.skips is not None:
            self.skips.look([p.grad for p in parameters if p.grad is not None])
        if self.clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, self.clip_norm)
        return torch.where(total.isfinite(), loss, torch.nan)

    def taken(self, loss: Tensor) -> Tensor:
        """Returns the loss of the last call, or NaN if the step is to be skipped."""
        return loss if self.skips is None else self.skips.of(loss)

    def _local(
        self, parameters: Sequence[Tensor], own: Sequence[Tensor], batch: tuple[Tensor, ...]
    ) -> Tensor:
        """Computes this rank's loss and its contribution to the gradients."""
        size = len(batch[0])
        with ExitStack() as stack:
            if self.mean:
                # If the plate says so, the loss of a share is an estimate for all data.
                weight = size / self.data_in_plate if self.data_in_plate else 1.0
                stack.enter_context(_ScaleBackward(weight / ranks.count(size)))
            if self.precision == "bf16":
                stack.enter_context(BFloat16Products())
            losses = [self._loss(parameters, own, part) for part in _divided(batch, self.parts)]
        loss = losses[0] if len(losses) == 1 else torch.stack(losses).sum(0)
        return loss if self.data_in_plate is None else loss * (size / self.data_in_plate)

    def _loss(
        self, parameters: Sequence[Tensor], own: Sequence[Tensor], batch: tuple[Tensor, ...]
    ) -> Tensor:
        """Adds the gradients of a part of the batch, and returns its loss."""
        scale = self.scale if self.scale is not None else _unscaled
        model, guide = scale(self.model), scale(self.guide)
        if self.player is not None:
            return self.player.play(
                self.objective, model, guide, batch, parameters=parameters, own=own
            )
        with shared_paths():
            loss = self.objective.loss_and_grads(model, guide, *batch)
        # Wake-sleep returns a pair of losses; the first is the model's.
        return torch.as_tensor(loss[0] if isinstance(loss, tuple) else loss)


def reduced(parameters: Sequence[Tensor], loss: Tensor) -> Tensor:
    """Adds up the gradients and the loss over the ranks of a step, in one message.

    This is done after the backward pass and not within it, where differentiating a sum over ranks
    would give another gradient. A parameter without a gradient on a rank counts as zero there.

    Args:
        parameters: The leaf tensors, whose gradients are replaced.
        loss: The loss or losses of this rank.

    Returns:
        The loss over all ranks.
    """
    if not ranks.in_step() or not parameters:
        return ranks.sum_over_ranks(loss)
    parts = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
    last = loss.detach().reshape(-1).to(parts[0].dtype)
    flat = torch.cat([*(part.detach().flatten() for part in parts), last])
    sums = ranks.sum_over_ranks(flat).split([*(part.numel() for part in parts), loss.numel()])
    for parameter, found in zip(parameters, sums, strict=False):
        parameter.grad = found.view(parameter.shape).to(parameter.dtype)
    return sums[-1].reshape(loss.shape).to(loss.dtype)


def _divided(batch: tuple[Tensor, ...], parts: int) -> Iterator[tuple[Tensor, ...]]:
    """Splits a batch into parts of about equal size."""
    yield from zip(*(tensor.chunk(parts) for tensor in batch), strict=True)


def _unscaled(program: Any) -> Any:
    return program


class _ScaleBackward(TorchFunctionMode):
    """Multiplies the gradients of each backward pass in a block, at the start of the pass.

    Dividing all gradients afterwards would need another pass over all of them.
    """

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is Tensor.backward and len(args) == 1 and kwargs.get("gradient") is None:
            kwargs = {**kwargs, "gradient": torch.full_like(args[0], self.factor)}
        return func(*args, **kwargs)
