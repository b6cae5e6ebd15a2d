"""The evidence lower bound of a split, without any weight."""

from typing import NamedTuple

import torch

from pyrovae.datasets import Source
from pyrovae.evaluation.estimates import concatenate
from pyrovae.evaluation.passes import one_pass
from pyrovae.evaluation.reading import read_for
from pyrovae.programs import Program, check_program
from pyrovae.ranks import present, together

__all__ = ["Bound", "elbo"]


class Bound(NamedTuple):
    """The mean ELBO and its two parts, in nats per datum; elbo = reconstruction - kl.

    For a program without a bound only the reconstruction is known; the others are None.
    """

    elbo: float | None
    reconstruction: float
    kl: float | None

    @property
    def criterion(self) -> float:
        """The higher the better: the bound, or the reconstruction if there is no bound."""
        return self.reconstruction if self.elbo is None else self.elbo


@together()
def elbo(
    model: Program,
    data: Source,
    *,
    samples: int = 1,
    batch_size: int = 1000,
    seed: int = 0,
    device: torch.device | str | None = None,
) -> Bound:
    """Estimates the mean ELBO of data, leaving the model and the random state unchanged.

    The same seed gives the same draws, so that epochs of training can be compared. If the program
    itself scales its sites (``pyro.poutine.scale``), the scale stays in the bound.

    Args:
        model: The program and its guide.
        data: A split, a tensor or array, a ``Dataset``, a ``DataLoader``.
        samples: Number of draws from the guide for each datum.
        batch_size: Number of data in one run.
        seed: Seed of the draws.
        device: The device of the model; found from its parameters, if left out.

    Raises:
        ValueError: If a number is not positive, the data's shape or values do not fit, or the
            program has a global latent.
    """
    check_program(model)
    split = read_for(model, data)
    with one_pass(
        model,
        split,
        samples=samples,
        batch_size=batch_size,
        seed=seed,
        device=device,
        ranks=present(),
    ) as views:
        found = concatenate(views.gather([view.estimate() for view in views]))
    found = found.weighed()
    reconstruction = found.reconstruction.mean().item()
    if views.first.undefined is not None:
        return Bound(None, reconstruction, None)
    bound = found.bound.mean().item()
    return Bound(bound, reconstruction, reconstruction - bound)
