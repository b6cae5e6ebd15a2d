"""One pass through a split, and what the programs say of each of its batches."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pyrovae.checks import check_count, check_seed
from pyrovae.compilation import Batch, Compile
from pyrovae.datasets.splits import Split
from pyrovae.datasets.values import to_dtype
from pyrovae.evaluation.draws import Sampler, latent_names, observed_sites
from pyrovae.evaluation.estimates import Estimates, estimate
from pyrovae.evaluation.undefined import undefined
from pyrovae.handlers import data_weight, is_data
from pyrovae.nn.modes import evaluation_mode
from pyrovae.objectives import ELBO
from pyrovae.objectives.particles import tempering
from pyrovae.programs import Program, device_of, dtype_of, read_device
from pyrovae.scope import isolated, without_validation
from pyrovae.support import BatchCheck

__all__ = ["Look", "Pass", "View", "one_pass"]


class Look(NamedTuple):
    """What one run of guide and model shows of a batch, beside numbers.

    Attributes:
        sites: The data's sites, as they stand in the model's trace.
        latents: The names of the latents, in the order of `Draws.kls`.
        guide_trace: The trace of the guide.
        model_trace: The trace of the model, replayed on the guide's draws.
        undefined: Why the weights mean nothing, and only the reconstruction does; None if they do.
        tempered: Why they do not average to p(x), though the bound is one; None if they do.
    """

    sites: dict[str, Any]
    latents: tuple[str, ...]
    guide_trace: Any
    model_trace: Any
    undefined: str | None
    tempered: str | None

    @property
    def weight(self) -> Tensor | None:
        """How much each datum of the batch counts, ``(B,)``; None where all count alike."""
        weights = (data_weight(site) for site in self.sites.values())
        return next((weight for weight in weights if weight is not None), None)

    def check_alike(self) -> None:
        """Looks whether all data count alike, for means that leave weights out.

        Raises:
            ValueError: If they do not.
        """
        if self.weight is not None:
            raise ValueError(
                "expected data that count alike, got a model that weighs them: evaluate and score "
                "take weights, this takes the model without them"
            )

    def check_weights(self) -> None:
        """Looks whether importance weights average to p(x), or mean nothing at all, as is said.

        Raises:
            ValueError: If a scale tempers them. The site is named.
        """
        if self.tempered is not None:
            raise ValueError(self.tempered)


class View:
    """A batch, and what is found out of it when it is asked for.

    Attributes:
        batch: The batch, checked, on the model's device and in its type.
    """

    def __init__(self, owner: "Pass", batch: Batch, number: int) -> None:
        self.batch = batch
        self._owner, self._number = owner, number

    def estimate(self) -> Estimates:
        """Draws from the guide, as many as the pass has samples, and sums up what they say."""
        owner = self._owner
        return estimate(owner.sampler(self.batch), samples=owner.samples)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Gives a block random numbers of its own, so that looking does not move the draws."""
        with isolated(self._owner.device, self._owner.seed + self._number):
            yield

    @cached_property
    def look(self) -> Look:
        """Runs guide and model once, with one draw."""
        model = self._owner.model
        with self.aside():
            traces = ELBO().traces(model.model, model.guide, self.batch, {})
        data = {name: s for name, s in observed_sites(traces[0]).items() if is_data(s)}
        reasons = (undefined(*traces), tempering(*traces))
        return Look(data, latent_names(*traces), traces[1], traces[0], *reasons)


class Pass:
    """Goes once through a split, batch by batch; see `one_pass`.

    Attributes:
        first: What the first batch looks like, once it has been read.
    """

    first: Look

    def __init__(
        self,
        model: Program,
        split: Split,
        *,
        sampler: Sampler,
        batch_size: int,
        seed: int,
        device: torch.device,
    ) -> None:
        self.model, self.split, self.sampler = model, split, sampler
        self.batch_size, self.seed, self.device = batch_size, seed, device
        self._check, self._dtype = BatchCheck(model), dtype_of(model)

    def __iter__(self) -> Iterator[View]:
        for number, values in enumerate(self.split.batches(self.batch_size, device=self.device)):
            batch = to_dtype(values, self._dtype)
            self._check(batch)
            view = View(self, batch, number)
            if number == 0:
                self.first = view.look
            yield view

    @property
    def samples(self) -> int:
        """Number of draws for each datum."""
        return self.sampler.samples


@contextmanager
def one_pass(
    model: Program,
    split: Split,
    *,
    samples: int = 1,
    batch_size: int,
    rows: int | None = None,
    compile: Compile = False,
    seed: int = 0,
    device: torch.device | str | None = None,
) -> Iterator[Pass]:
    """Goes once through a split, in evaluation mode, without gradients and with a seed of its own.

    Within the block that this opens, the pass is iterated over once. Draws depend on the seed and
    the sizes of batches and runs, and on nothing else that is asked of a batch: whatever is
    estimated with the same arguments is estimated from the same draws. After the block nothing of
    the model and no random state is changed.

    Args:
        model: The program and its guide.
        split: The data.
        samples: Draws from the guide for each datum.
        batch_size: Data at a time.
        rows: Draws times data in one run of the model, which sets the memory used; as many as
            data in a batch, if left out.
        compile: Whether to compile that run.
        seed: Seed of the draws.
        device: Where the model is; asked of its parameters, if left out.

    Raises:
        ValueError: If a number is not positive, or, on the way, if a batch is not data that the
            model can have produced (`BatchCheck`).
    """
    rows = batch_size if rows is None else rows
    for name, value in (("samples", samples), ("batch_size", batch_size), ("rows", rows)):
        check_count(name, value)
    check_seed("seed", seed)
    device = device_of(model) if device is None else read_device(device)
    sampler = Sampler(model, samples, rows=rows, data=len(split), compile=compile)
    with (
        isolated(device, seed),
        evaluation_mode(model),
        without_validation(),
        torch.no_grad(),
    ):
        yield Pass(model, split, sampler=sampler, batch_size=batch_size, seed=seed, device=device)
