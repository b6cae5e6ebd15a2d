"""A moving average of a model's weights."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from pyrovae.declared import Declared
from pyrovae.training.weights import check_fits, restore, snapshot, tensors

__all__ = ["WeightAverage"]


class WeightAverage(Declared):
    r"""An exponential moving average of the weights, less noisy than the weights themselves.

    .. math:: \bar\theta_t = d_t \, \bar\theta_{t-1} + (1 - d_t) \, \theta_t, \qquad
        d_t = \min\left(d, \frac{1 + t}{10 + t}\right)

    after each step :math:`t`. The smaller decay of the first steps keeps the initial weights from
    dominating the average of a short run. Floating-point parameters and buffers are averaged, so
    that the running statistics of batch normalisation match the weights; other buffers keep the
    model's own values.

    Polyak and Juditsky, 1992, Acceleration of stochastic approximation by averaging,
    https://doi.org/10.1137/0330046.

    Args:
        decay: The decay :math:`d`, in [0, 1): 0.999 averages over about a thousand steps.

    Attributes:
        updates: The number of steps in the average.
        weights: The average by name, as in the model's state dict; empty before training.

    Raises:
        ValueError: If ``decay`` is not in [0, 1).
    """

    def __init__(self, decay: float = 0.999) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"decay: expected a number in [0, 1), got {decay}")
        self.decay = decay
        self.updates = 0
        self.weights: dict[str, Tensor] = {}

    def begin(self, model: Any) -> None:
        """Starts a new average at a model's weights."""
        self.weights, self.updates = snapshot(model), 0

    @torch.no_grad()
    def update(self, model: Any) -> None:
        """Adds the weights after a step to the average."""
        if not self.weights:
            self.begin(model)
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        averages, current = [], []
        for name, tensor in tensors(model).items():
            if tensor.is_floating_point():
                averages.append(self.weights[name])
                current.append(tensor.detach())
            else:
                self.weights[name].copy_(tensor)
        get_ema_multi_avg_fn(decay)(averages, current, self.updates)

    @contextmanager
    def applied(self, model: Any) -> Iterator[None]:
        """Gives a model the averaged weights inside a block, and its own weights afterwards.

        Raises:
            ValueError: If nothing has been averaged, or the average is of another model.
        """
        if not self.weights:
            raise ValueError("there is no average yet: pass it to fit(..., average=...)")
        own = snapshot(model)
        restore(model, self.weights)
        try:
            yield
        finally:
            restore(model, own)

    def state_dict(self) -> dict[str, Any]:
        """Returns the decay, the average and the number of updates."""
        return {"decay": self.decay, "weights": self.weights, "updates": self.updates}

    def load_state_dict(self, state: Mapping[str, Any], model: Any) -> None:
        """Restores an average of a model's weights; the decay of this object is kept.

        Raises:
            ValueError: If the average is of another model.
        """
        check_fits(model, state["weights"])
        device = {name: tensor.device for name, tensor in tensors(model).items()}
        self.weights = {n: t.clone().to(device[n]) for n, t in state["weights"].items()}
        self.updates = int(state["updates"])

    def __repr__(self) -> str:
        return f"WeightAverage(decay={self.decay}, updates={self.updates})"
