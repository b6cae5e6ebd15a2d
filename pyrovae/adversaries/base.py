"""The base class of adversaries."""

from abc import ABC, abstractmethod

import torch
from torch import Size, Tensor

from pyrovae.adversaries.seen import Seen
from pyrovae.checks import check_count, check_weight
from pyrovae.component import Component
from pyrovae.nn.network import Network, check_network

__all__ = ["Adversary"]


class Adversary(Component, ABC):
    r"""A second player: a network with its own loss, against which the model is trained.

    ``fit(model, data, adversary=...)`` updates both in one step, from one run of the programs. The
    model minimises the objective's loss plus :math:`w` times `penalty`, with respect to its own
    parameters only; the adversary minimises `own_loss`, with respect to its own parameters only.
    The adversary is not a part of the model and is not saved with it; a training checkpoint
    contains its weights and its optimizer's state.

    An objective with a penalty is not a bound. The history therefore lists the penalty in separate
    columns, and reports give the plain bound of the programs.

    To add an adversary, write a subclass with `penalty` and `own_loss`.

    Args:
        network: Its network.
        weight: The weight :math:`w` of its penalty in the model's loss, at least 0.
        start: Number of initial training steps in which the adversary is neither used nor trained: its
            optimizer takes its first step after them.

    Attributes:
        across_batch: Whether its losses are not just sums over the data.
        steps: The number of training steps so far, without those skipped because a number was
            NaN; a 0-dim buffer.

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
        """The penalty that the model minimises: a mean over the data, 0-dim, with gradient."""

    @abstractmethod
    def own_loss(self, seen: Seen) -> Tensor:
        """The adversary's loss: a mean over the data, 0-dim, of detached inputs."""

    @classmethod
    def network_shapes(cls, latent_shape: Size, data_shape: Size) -> tuple[Size, Size]:
        """Returns the ``in_shape`` and ``out_shape`` that the adversary's network must have.

        Args:
            latent_shape: Shape of one latent.
            data_shape: Shape of one datum.

        Raises:
            ValueError: If the class does not define them.
        """
        raise ValueError(
            f"{cls.__name__}: it does not say which network it needs; define network_shapes to "
            "build it by name, or construct it in Python"
        )

    @property
    def started(self) -> Tensor:
        """Whether the first ``start`` steps are over, 0-dim."""
        return self.steps >= self.start

    @property
    def heard(self) -> Tensor:
        """1 after the first ``start`` steps, 0 before."""
        return self.started.to(torch.float32)


def check_one_logit(network: Network) -> None:
    """Checks that a network has a single output.

    Raises:
        ValueError: If it does not.
    """
    check_network(network)
    if network.out_shape != Size([1]):
        raise ValueError(
            "network: expected a network that returns one logit, out_shape (1,), got "
            f"{tuple(network.out_shape)}"
        )
