"""Chains from prior to posterior and back, for the batches of a pass through data."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from math import ceil
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from pyrovae.checks import check_count
from pyrovae.compilation import Batch, Compile
from pyrovae.datasets import Source
from pyrovae.evaluation.annealing.density import Density
from pyrovae.evaluation.annealing.path import Path, Steps, inverse_temperatures, tune
from pyrovae.evaluation.annealing.results import AnnealedBound
from pyrovae.evaluation.importance import ImportanceSampling
from pyrovae.evaluation.ordered import in_order
from pyrovae.evaluation.pace import Pace
from pyrovae.evaluation.passes import one_pass
from pyrovae.evaluation.reading import read_for
from pyrovae.programs import Program, check_program

__all__ = ["Annealing", "BatchOfChains", "Found"]

# The path for tuning step sizes has a tenth of the temperatures, but at least LEAST_TUNING.
TUNING, LEAST_TUNING = 10, 30


class Annealing:
    """Runs chains for the batches of some data.

    Args:
        model: The program.
        chains: Number of chains C for each datum.
        temperatures: Number of steps T of the path.
        leapfrog_steps: Number of leapfrog steps in a transition.
        directions: How many times the path is followed for each datum, to predict the run time.

    Raises:
        ValueError: If a number is not positive, or the model is not a program.
    """

    def __init__(
        self,
        model: Program,
        *,
        chains: int,
        temperatures: int,
        leapfrog_steps: int,
        directions: int = 1,
    ) -> None:
        for name, value in (
            ("chains", chains),
            ("temperatures", temperatures),
            ("leapfrog_steps", leapfrog_steps),
        ):
            check_count(name, value)
        check_program(model)
        self.model = model
        self.chains, self.temperatures, self.leapfrog_steps = chains, temperatures, leapfrog_steps
        self.betas = inverse_temperatures(temperatures)
        self._tuning = max(temperatures // TUNING, LEAST_TUNING)
        self._directions = directions
        self._density: Density | None = None

    @contextmanager
    def batches(
        self, data: Source, *, rows: int, compile: Compile, seed: int
    ) -> Iterator[Iterator[Batch]]:
        """Opens the data, in batches whose chains together have about the given rows."""
        check_count("rows", rows)
        split = in_order(read_for(self.model, data))
        size = min(max(1, rows // self.chains), len(split))
        transitions = self._tuning + self._directions * self.temperatures
        self._rows = len(split) * self.chains * transitions * self.leapfrog_steps
        self._compile = compile
        what = f"{self.chains} chains of {self.temperatures} temperatures for {len(split)} data"
        self.pace = Pace(what, ceil(len(split) / size) * self._directions * self.temperatures)
        with one_pass(self.model, split, batch_size=size, seed=seed) as views:

            def checked() -> Iterator[Batch]:
                for view in views:
                    views.first.check_weights()
                    views.first.check_alike()
                    yield view.batch

            yield checked()

    def of(
        self,
        batch: Batch,
        program: Callable[..., Any] | None = None,
        *,
        observed: Sequence[str] = (),
    ) -> "BatchOfChains":
        """Returns the chains of a batch.

        Args:
            batch: The arguments of the program, B rows each.
            program: Another program than the model's own, the same for all batches.
            observed: The sites at which that program observes the last tensors of the batch.
        """
        # Each datum is repeated C times, with one particle each: several could change the density.
        repeated = tuple(value.repeat(self.chains, *[1] * (value.dim() - 1)) for value in batch)
        if self._density is None:
            self._density = Density(
                program or self.model.model,
                self.model,
                repeated,
                rows=self._rows,
                observed=observed,
                compile=self._compile,
            )
        return BatchOfChains(self, self._density, repeated, data=len(batch[0]))

    def path(self, density: Density, batch: Batch, data: int) -> Path:
        """Returns the path for a batch, with step sizes found by other chains."""
        at = partial(density.point, batch=batch)
        found = tune(
            at(density.prior_draws(batch)),
            at,
            data=data,
            betas=inverse_temperatures(self._tuning),
            leapfrog_steps=self.leapfrog_steps,
        )
        logs = found.log().T.unsqueeze(0)
        sizes = interpolate(logs, self.temperatures + 1, mode="linear", align_corners=True)
        return Path(self.betas, sizes[0].T.exp(), leapfrog_steps=self.leapfrog_steps)


class BatchOfChains:
    """The chains of one batch, in both directions.

    Args:
        owner: The `Annealing` that runs them.
        density: The program's density.
        batch: The batch, repeated for the chains.
        data: Number of data B.
    """

    def __init__(self, owner: Annealing, density: Density, batch: Batch, *, data: int) -> None:
        self._owner, self._density, self._batch = owner, density, batch
        self._at = partial(density.point, batch=batch)
        self._path = owner.path(density, batch, data)

    def forward(self) -> tuple[Tensor, Tensor]:
        r"""Goes from prior to posterior; returns :math:`\log w` and the acceptance, ``(C, B)``."""
        start = self._at(self._density.prior_draws(self._batch))
        return self._weigh(self._path.forward(start, self._at))

    def backward(self, latents: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Goes from latents of the posterior, ``(B, ...)`` by site, to the prior; as `forward`."""
        end = self._density.position(latents).repeat(self._owner.chains, 1)
        return self._weigh(self._path.backward(self._at(end), self._at))

    def _weigh(self, steps: Steps) -> tuple[Tensor, Tensor]:
        log_weight, accepted = torch.zeros((), dtype=torch.float64), torch.zeros(())
        for increment, probability in self._owner.pace(steps):
            log_weight = log_weight + increment.cpu().double()
            accepted = accepted + probability.cpu()
        shape = (self._owner.chains, -1)
        return log_weight.reshape(shape), accepted.reshape(shape) / self._owner.temperatures


class Found:
    r"""Collects the bounds of all data, batch by batch.

    Args:
        owner: The `Annealing` that runs the chains.
        sign: 1 if :math:`E[w] = p(x)`, and -1 if :math:`E[1 / w] = 1 / p(x)`.
    """

    def __init__(self, owner: Annealing, *, sign: int = 1) -> None:
        self._owner, self._sign = owner, sign
        self._parts: list[tuple[Tensor, ...]] = []

    def add(self, log_weights: Tensor, accepted: Tensor) -> None:
        """Adds a batch, ``(C, B)``.

        Raises:
            ValueError: If a weight is NaN.
        """
        odd = log_weights.isnan()
        if odd.any():
            share = 100 * odd.any(0).double().mean().item()
            raise ValueError(
                f"log p(x|z) is NaN on the annealing path of {share:.3g} % of the data"
            )
        weights = ImportanceSampling(log_weights.shape[1])
        weights.add(self._sign * log_weights)
        value = self._sign * weights.log_mean
        self._parts.append((value, weights.variance.sqrt(), weights.ess, accepted.mean(0)))

    def bound(self) -> AnnealedBound:
        """Returns the bounds of the data of all batches."""
        value, error, ess, acceptance = (
            torch.cat(part) for part in zip(*self._parts, strict=True)
        )
        return AnnealedBound(
            value=value,
            # Reverse chains all start at the same draw, and are not independent.
            mc_se=None if self._owner.chains == 1 or self._sign < 0 else error,
            ess=ess,
            acceptance=acceptance,
            chains=self._owner.chains,
            temperatures=self._owner.temperatures,
        )
