"""The evidence lower bound of a split, without any weight."""

from typing import Any, NamedTuple

import torch

from pyrovae.datasets.splits import Split
from pyrovae.evaluation.draws import Sampler, observe
from pyrovae.nn.modes import evaluation_mode
from pyrovae.scope import isolated

__all__ = ["Bound", "elbo"]


class Bound(NamedTuple):
    """The mean ELBO and its two parts, in nats per datum; elbo = reconstruction - kl.

    Of a program that has no bound only the reconstruction is known; the others are None.
    """

    elbo: float | None
    reconstruction: float
    kl: float | None

    @property
    def criterion(self) -> float:
        """What is better the higher it is: the bound, or the reconstruction where none is."""
        return self.reconstruction if self.elbo is None else self.elbo


@torch.no_grad()
def elbo(
    model: Any,
    split: Split,
    *,
    samples: int = 1,
    batch_size: int = 1000,
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> Bound:
    """Estimates the mean ELBO of a split, leaving the model and all random state as they were.

    The same seed gives the same draws, so that epochs of training can be compared.

    Args:
        model: An object with ``model`` and ``guide``.
        split: The data.
        samples: Draws from the guide for each datum.
        batch_size: Data in one run.
        seed: Seed of the draws.
        device: Where the model is.
    """
    device = torch.device(device)
    totals = torch.zeros(2, dtype=torch.float64, device="cpu")
    reason = None
    draw = Sampler(model, samples, rows=batch_size)
    with isolated(device, seed), evaluation_mode(model):
        for i, batch in enumerate(split.batches(batch_size, device=device)):
            if i == 0:
                with isolated(device, seed):
                    reason = observe(model, batch).undefined
            for draws in draw(batch):
                parts = torch.stack([draws.log_weights.sum(), draws.reconstruction.sum()])
                totals += parts.cpu().double()
    bound, reconstruction = (totals / (samples * len(split))).tolist()
    if reason is not None:
        return Bound(None, reconstruction, None)
    return Bound(bound, reconstruction, reconstruction - bound)
