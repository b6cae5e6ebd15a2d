"""What an adversary is."""

from abc import ABC, abstractmethod

import torch
from torch import Size, Tensor

from pyrovae.adversaries.seen import Seen
from pyrovae.checks import check_count, check_weight
from pyrovae.component import Component
from pyrovae.nn.network import Network, check_network

__all__ = ["Adversary"]


class Adversary(Component, ABC):
    r"""A second player: a network with a loss of its own, which the model is trained against.

    ``fit(model, data, adversary=...)`` takes a step of both from one run of the programs: the model
    lowers the objective's loss plus :math:`w` times `penalty`, its own parameters moving alone, and
    the adversary lowers `own_loss`, moving its own alone. It is no part of the model and is not saved
    with it; a training checkpoint has its weights and its optimizer's state.

    What a model is sharpened with so bounds nothing: the history has it in columns of its own, and
    reports give the plain bound of the programs.

    A new one is a class with `penalty` and `own_loss`.

    Args:
        network: Its network.
        weight: The weight :math:`w` of its penalty in what the model lowers, at least 0.
        start: Steps of the model that it sits out, neither heard nor trained.

    Attributes:
        across_batch: Whether its losses are more than sums over the data.
        steps: The steps that have been taken, a 0-dim buffer.

    Raises:
        ValueError: If the network does not declare its shapes, or a number is negative.
    """

    across_batch: bool = False
    nonnegative_buffers = ("steps",)
    steps: Tensor

    def __init__(self, network: Network, *, weight: float = 1.0, start: int = 0) -> None:
        super().__init__()
        check_network(network)
        check_count("start", start, least=0)
        check_weight("weight", weight)
        self.network = network
        self.weight = weight
        self.start = start
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    @abstractmethod
    def penalty(self, seen: Seen) -> Tensor:
        """What the model is to lower, a mean over the data, 0-dim, with its gradient to the model."""

    @abstractmethod
    def own_loss(self, seen: Seen) -> Tensor:
        """What the adversary lowers, a mean over the data, 0-dim; what it sees is to be detached."""

    @classmethod
    def network_shapes(cls, latent_shape: Size, data_shape: Size) -> tuple[Size, Size]:
        """Says which ``in_shape`` and ``out_shape`` its network must have, for those who build one.

        Args:
            latent_shape: Shape of one latent.
            data_shape: Shape of one datum.

        Raises:
            ValueError: If the class does not say.
        """
        raise ValueError(
            f"{cls.__name__}: it does not say which network it needs; give it network_shapes, or "
            "make it in Python"
        )

    @property
    def heard(self) -> Tensor:
        """One once ``start`` steps have been taken, zero before."""
        return (self.steps >= self.start).to(torch.float32)


def check_one_logit(network: Network) -> None:
    """Looks whether a network puts out one number.

    Raises:
        ValueError: If it does not.
    """
    check_network(network)
    if network.out_shape != Size([1]):
        raise ValueError(
            f"network: expected one that puts out one logit, out_shape (1,), got "
            f"{tuple(network.out_shape)}"
        )
