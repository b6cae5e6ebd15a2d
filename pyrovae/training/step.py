"""A step of training."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim import Optimizer

from pyrovae.training.gradients import Gradients

__all__ = ["Step"]


class Step:
    """Computes the gradients of a batch and lets the optimizer move, unless something is NaN.

    Args:
        parameters: The parameters to train.
        gradients: Computes their gradients.
        optimizer: Moves the parameters.
    """

    def __init__(
        self, parameters: Sequence[Tensor], gradients: Gradients, optimizer: Optimizer
    ) -> None:
        self.parameters = parameters
        self.gradients = gradients
        self.optimizer = optimizer

    def __call__(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Takes the step.

        Returns:
            The loss, summed over the batch, 0-dim, or with an adversary the losses. NaN if a
            gradient is not finite, in which case nothing has moved.
        """
        loss = self.gradients(self.parameters, batch)
        self.move(self.gradients.taken(loss))
        return loss

    def move(self, loss: Tensor) -> None:
        """Moves the model's and the adversary's parameters, unless the loss is NaN.

        The adversary's optimizer takes no step before the adversary starts: along zero gradients,
        weight decay would still move the weights, and Adam would count the steps.

        On an accelerator, a fused optimizer reads a flag on the device, so that nothing waits.
        Other optimizers have to wait for the loss.
        """
        bad = loss.isnan().any()
        _move(self.optimizer, bad)
        player = self.gradients.player
        if player is not None:
            _move(player.optimizer, bad | ~player.adversary.started)
            player.adversary.steps.add_(~bad)


def _move(optimizer: Optimizer, bad: Tensor) -> None:
    if bad.device.type != "cpu" and getattr(optimizer, "_step_supports_amp_scaling", False):
        optimizer.found_inf = bad.to(torch.float32)  # type: ignore[attr-defined]
        try:
            optimizer.step()
        finally:
            del optimizer.found_inf  # type: ignore[attr-defined]
    elif not bad:
        optimizer.step()
