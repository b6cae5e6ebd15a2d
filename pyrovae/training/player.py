"""An adversary in training: its part in a step, its optimizer, its state in a checkpoint."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyro.infer
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from pyrovae.adversaries import Adversary, Seen
from pyrovae.training.hyperparameters import hyperparameters, load_optimizer, take_new
from pyrovae.training.optimizers import MakeOptimizer, make_optimizer
from pyrovae.training.weights import check_fits, restore, snapshot, tensors

__all__ = ["Player", "make_player"]

# The usual learning rate and momenta of adversarial training.
USUAL = partial(torch.optim.Adam, lr=1e-4, betas=(0.5, 0.9))


class Player:
    """The adversary as the second player in training.

    Args:
        adversary: The adversary, on the device of the model.
        optimizer: Moves the adversary's parameters.

    Attributes:
        parameters: The parameters that are trained.
        given: The hyperparameters that the optimizer was made with.
    """

    def __init__(self, adversary: Adversary, optimizer: Optimizer) -> None:
        self.adversary, self.optimizer = adversary, optimizer
        self.parameters = [p for p in adversary.parameters() if p.requires_grad]
        self.given = hyperparameters(optimizer)

    def play(
        self,
        objective: pyro.infer.ELBO,
        model: Any,
        guide: Any,
        batch: tuple[Tensor, ...],
        *,
        parameters: Sequence[Tensor],
        own: Sequence[Tensor],
    ) -> Tensor:
        """Adds the gradients of both players, from one run of the programs.

        Each backward pass fills the gradients of one player only.

        Args:
            objective: The objective, which the model maximises as well.
            model: The model program.
            guide: Its guide.
            batch: The arguments of both.
            parameters: The model's leaf tensors.
            own: The adversary's leaf tensors.

        Returns:
            The objective's loss, the model's weighted penalty and the adversary's loss, each
            summed over the batch, ``(3,)``.
        """
        seen, adversary = Seen(model, guide, batch), self.adversary
        loss = objective.differentiable_loss(*seen.programs, *batch)
        # On the scale of the objective's sum: over the batch, or over the data it stands for.
        counts = adversary.heard.to(loss.dtype) * (len(batch[0]) * seen.scale)
        penalty = counts * adversary.weight * adversary.penalty(seen)
        total = loss + penalty
        if total.requires_grad:
            total.backward(inputs=list(parameters))
        own_loss = counts * adversary.own_loss(seen)
        own_loss.backward(inputs=list(own))
        return torch.stack([value.detach().to(loss.dtype) for value in (loss, penalty, own_loss)])

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yields the parameters, with names that say that they are the adversary's."""
        return self.adversary.named_parameters(prefix="adversary")

    def snapshot(self) -> dict[str, Tensor]:
        """Copies the adversary's weights and buffers."""
        return snapshot(self.adversary)

    def restore(self, weights: Mapping[str, Tensor]) -> None:
        """Restores weights and buffers."""
        restore(self.adversary, weights)

    def state_dict(self) -> dict[str, Any]:
        """Returns its weights, its optimizer's state and the optimizer's hyperparameters."""
        return {
            "class": _named(self.adversary),
            "weights": tensors(self.adversary),
            "optimizer": self.optimizer.state_dict(),
            "given": self.given,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores everything except the weights, which `restore` sets once all else fits.

        Raises:
            ValueError: If the state is of another adversary or optimizer.
        """
        if state["class"] != _named(self.adversary):
            raise ValueError(
                f"the run was started with the class {state['class']!r:.200}, got "
                f"{_named(self.adversary)!r}"
            )
        check_fits(self.adversary, state["weights"])
        load_optimizer(self.optimizer, state["optimizer"])
        take_new(self.optimizer, None, self.given, state["given"])


def _named(adversary: Adversary) -> str:
    """Where an adversary's class is from: another one may have a network of the same shapes."""
    return f"{type(adversary).__module__}.{type(adversary).__qualname__}"


def make_player(
    adversary: Adversary | None,
    optimizer: Optimizer | MakeOptimizer | None,
    model: Any,
    device: torch.device,
) -> Player | None:
    """Makes a player from an adversary, if there is one.

    Args:
        adversary: The adversary given to `fit`.
        optimizer: An optimizer of its parameters, or a function that makes one.
        model: The model, on its device.
        device: The device.

    Raises:
        ValueError: If it is not an adversary, has no parameters to train, or shares some with the
            model.
    """
    if adversary is None:
        if optimizer is not None:
            raise ValueError("adversary_optimizer: expected an adversary to train, got none")
        return None
    if not isinstance(adversary, Adversary):
        raise ValueError(
            "adversary: expected an object of a subclass of pyrovae.adversaries.Adversary, "
            f"got {adversary!r:.60}"
        )
    adversary.to(device).train()
    parameters = [p for p in adversary.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError(
            "adversary: expected an adversary with trainable parameters, got one with none"
        )
    held = {id(p) for p in model.parameters()}
    if any(id(p) in held for p in adversary.parameters()):
        raise ValueError(
            "adversary: it shares a parameter with the model, which cannot be trained for both; "
            "give it a network of its own"
        )
    return Player(adversary, make_optimizer(optimizer or USUAL, parameters))
