"""Log-probabilities of draws from the guide, for each datum, in constant memory."""

from collections.abc import Iterator, Sequence
from functools import partial
from math import ceil
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pyrovae.compilation import AutoCompiled, Batch, Compile, CompiledFunction, half_twice
from pyrovae.evaluation.undefined import undefined
from pyrovae.handlers import check_taken
from pyrovae.objectives import ELBO, log_weights

__all__ = ["Draws", "Observed", "Sampler", "observe"]


class Draws(NamedTuple):
    r"""What some draws from the guide say of a batch, in nats.

    Attributes:
        log_weights: :math:`\log p(x, z_s) - \log q(z_s \mid x)`, ``(S, B)``.
        reconstruction: :math:`\log p(x \mid z_s)`, ``(S, B)``.
    """

    log_weights: Tensor
    reconstruction: Tensor


class Observed(NamedTuple):
    """What a run of the programs shows beside numbers.

    Attributes:
        sites: The data's sites, as they stand in the model's trace.
        undefined: Why the weights mean nothing, and only the reconstruction does; None if they do.
    """

    sites: dict[str, Any]
    undefined: str | None


def observe(model: Any, batch: Batch) -> Observed:
    """Runs guide and model once and looks at what they observe."""
    traces = ELBO().traces(model.model, model.guide, batch, {})
    return Observed(_observed(traces[0]), undefined(*traces))


class Sampler:
    """Draws from the guide for batches, as many at a time as fit.

    Args:
        model: An object with ``model`` and ``guide``.
        samples: Number of draws S for each datum.
        rows: Draws times data in one run of the model.
        data: Number of data in all batches.
        compile: Whether a run is compiled; see `AutoCompiled`.

    Raises:
        ValueError: If ``samples`` is not positive.
    """

    def __init__(
        self, model: Any, samples: int, *, rows: int, data: int = 0, compile: Compile = False
    ) -> None:
        if samples < 1:
            raise ValueError(f"samples: expected at least 1, got {samples}")
        self.model = model
        self.samples = samples
        self.rows = rows
        self._data, self._compile = data, compile
        self._run: AutoCompiled[list[Tensor]] | None = None
        self._size = 0

    def __call__(self, batch: Batch) -> Iterator[Draws]:
        """Gives draws for a batch, whose first dimensions add up to ``samples``.

        Raises:
            ValueError: If the program has a global latent, or does not take what is in the batch.
        """
        check_taken(self.model.model, batch)
        runs = ceil(self.samples / max(1, self.rows // len(batch[0])))
        # The same number in each run, so that one compiled program serves them all.
        particles = ceil(self.samples / runs)
        if self._run is None:
            self._size = len(batch[0])
            self._run = self._runner(particles, runs)
        run = self._run if len(batch[0]) == self._size else partial(self._eager, particles, ())
        for start in range(0, self.samples, particles):
            missing = self.samples - start
            # Copies: what a captured CUDA graph gives is overwritten by its next run.
            yield Draws(*(value[:missing].clone() for value in run(batch)))

    def _runner(self, particles: int, runs: int) -> AutoCompiled[list[Tensor]]:
        function = partial(self._eager, particles)

        def compiled(batch: Batch) -> CompiledFunction:
            return CompiledFunction(
                self.model, function, batch, half_twice(batch), names=Draws._fields
            )

        data = self._data * runs
        return AutoCompiled(
            partial(function, ()), compiled, mode=self._compile, data=data, what="evaluation"
        )

    @torch.no_grad()
    def _eager(self, particles: int, leaves: Sequence[Tensor], batch: Batch) -> list[Tensor]:
        elbo = ELBO(num_particles=particles)
        traces = elbo.traces(self.model.model, self.model.guide, batch, {})
        weights = log_weights(*traces, num_particles=particles)
        total = sum(site["log_prob"] for site in _observed(traces[0]).values()) / weights.scale
        reconstruction = torch.as_tensor(total).expand_as(weights.values)
        return [weights.values, reconstruction]


def _observed(trace: Any) -> dict[str, Any]:
    return {
        name: site
        for name, site in trace.nodes.items()
        if site["type"] == "sample" and site["is_observed"]
    }
