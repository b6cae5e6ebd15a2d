"""Log-probabilities of draws from the guide, for each datum, in constant memory."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pyrovae.evaluation.undefined import undefined
from pyrovae.handlers import check_taken
from pyrovae.objectives import ELBO, log_weights

__all__ = ["Draws", "draw"]


class Draws(NamedTuple):
    r"""What some draws from the guide say of a batch, in nats.

    Attributes:
        log_weights: :math:`\log p(x, z_s) - \log q(z_s \mid x)`, ``(S, B)``.
        reconstruction: :math:`\log p(x \mid z_s)`, ``(S, B)``.
        observed: The data's sites, as they stand in the model's trace.
        undefined: Why the weights mean nothing, and only the reconstruction does; None if they do.
    """

    log_weights: Tensor
    reconstruction: Tensor
    observed: dict[str, Any]
    undefined: str | None


def draw(model: Any, batch: tuple[Tensor, ...], samples: int, *, rows: int) -> Iterator[Draws]:
    """Draws from the guide for a batch, as many at a time as fit.

    Args:
        model: An object with ``model`` and ``guide``.
        batch: What these take.
        samples: Number of draws S for each datum, over all that is yielded.
        rows: Draws times data in one run of the model.

    Yields:
        `Draws`, whose first dimensions add up to ``samples``.

    Raises:
        ValueError: If ``samples`` is not positive, the program has a global latent, or it does
            not take what is in the batch.
    """
    if samples < 1:
        raise ValueError(f"samples: expected at least 1, got {samples}")
    check_taken(model.model, batch)
    at_once = max(1, rows // len(batch[0]))
    for start in range(0, samples, at_once):
        particles = min(at_once, samples - start)
        traces = ELBO(num_particles=particles).traces(model.model, model.guide, batch, {})
        weights = log_weights(*traces, num_particles=particles)
        observed = {
            name: site
            for name, site in traces[0].nodes.items()
            if site["type"] == "sample" and site["is_observed"]
        }
        total = sum(site["log_prob"] for site in observed.values()) / weights.scale
        reconstruction = torch.as_tensor(total).expand_as(weights.values)
        yield Draws(weights.values, reconstruction, observed, undefined(*traces))
