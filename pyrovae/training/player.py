"""An adversary in training: its part in each step, its optimizer, and its place in a checkpoint."""

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

# The learning rate and momenta with which such games are played.
USUAL = partial(torch.optim.Adam, lr=1e-4, betas=(0.5, 0.9))


class Player:
    """The second player of a training.

    Args:
        adversary: The adversary, where the model is.
        optimizer: Moves its parameters.

    Attributes:
        parameters: Those that are trained.
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

        Each backward pass fills the gradients of one player alone.

        Args:
            objective: What the model maximises beside.
            model: The model program.
            guide: Its guide.
            batch: What both take.
            parameters: The model's leaves.
            own: The adversary's.

        Returns:
            The objective's loss, the model's weighted penalty and the adversary's loss, each summed
            over the batch, ``(3,)``.
        """
        seen, adversary = Seen(model, guide, batch), self.adversary
        loss = objective.differentiable_loss(*seen.programs, *batch)
        # As much as the objective's sum: of the batch, or of the data that it stands for.
        counts = adversary.heard.to(loss.dtype) * (len(batch[0]) * seen.scale)
        penalty = counts * adversary.weight * adversary.penalty(seen)
        total = loss + penalty
        if total.requires_grad:
            total.backward(inputs=list(parameters))
        own_loss = counts * adversary.own_loss(seen)
        own_loss.backward(inputs=list(own))
        return torch.stack([value.detach().to(loss.dtype) for value in (loss, penalty, own_loss)])

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """The parameters with names that say whose they are."""
        return self.adversary.named_parameters(prefix="adversary")

    def snapshot(self) -> dict[str, Tensor]:
        """A copy of its weights and buffers."""
        return snapshot(self.adversary)

    def restore(self, weights: Mapping[str, Tensor]) -> None:
        """Takes weights and buffers up again."""
        restore(self.adversary, weights)

    def state_dict(self) -> dict[str, Any]:
        """Its weights, its optimizer's state and how that was made."""
        return {
            "class": _named(self.adversary),
            "weights": tensors(self.adversary),
            "optimizer": self.optimizer.state_dict(),
            "given": self.given,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes up all but the weights, which `restore` does once all else fits.

        Raises:
            ValueError: If it is of another adversary or optimizer.
        """
        if state["class"] != _named(self.adversary):
            raise ValueError(
                f"the run was begun against another class, {state['class']!r:.200}, got "
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
    """The player that an adversary is, if there is one.

    Args:
        adversary: What `fit` was given.
        optimizer: An optimizer of its parameters, or what makes one.
        model: The model, on its device.
        device: The device.

    Raises:
        ValueError: If it is no adversary, has no parameters to train, or shares some with the model.
    """
    if adversary is None:
        if optimizer is not None:
            raise ValueError("adversary_optimizer: expected an adversary that it moves, got none")
        return None
    if not isinstance(adversary, Adversary):
        raise ValueError(
            "adversary: expected an object of a subclass of pyrovae.adversaries.Adversary, "
            f"got {adversary!r:.60}"
        )
    adversary.to(device).train()
    parameters = [p for p in adversary.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("adversary: expected one with parameters to train, got none")
    held = {id(p) for p in model.parameters()}
    if any(id(p) in held for p in adversary.parameters()):
        raise ValueError(
            "adversary: it has a parameter of the model's, which one of the two would move against "
            "the other: give it a network of its own"
        )
    return Player(adversary, make_optimizer(optimizer or USUAL, parameters))
