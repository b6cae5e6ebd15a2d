"""One pass through a split, with the programs run on each of its batches."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import chain
from math import ceil
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from pyrovae.checks import check_count, check_seed
from pyrovae.compilation import Batch, Compile
from pyrovae.datasets.splits import Split
from pyrovae.datasets.values import to_dtype
from pyrovae.evaluation.blocks import Block, blocks
from pyrovae.evaluation.draws import Sampler, latent_names, observed_sites
from pyrovae.evaluation.estimates import Estimates, estimate
from pyrovae.evaluation.undefined import undefined
from pyrovae.handlers import data_weight, is_data
from pyrovae.nn.modes import evaluation_mode
from pyrovae.objectives import ELBO
from pyrovae.objectives.particles import tempering
from pyrovae.programs import Program, device_of, dtype_of, read_device
from pyrovae.ranks import ALONE, Ranks
from pyrovae.scope import isolated, without_validation
from pyrovae.support import BatchCheck

__all__ = ["Look", "Pass", "View", "one_pass"]

T = TypeVar("T")


class Look(NamedTuple):
    """What one run of guide and model on a batch shows, apart from numbers.

    Attributes:
        sites: The data's sites in the model's trace.
        latents: The names of the latents, in the order of `Draws.kls`.
        guide_trace: The trace of the guide.
        model_trace: The trace of the model, replayed on the guide's draws.
        undefined: Why the weights have no meaning, and only the reconstruction has; None if they
            have.
        tempered: Why the weights do not average to p(x), though the bound is one; None if they do.
    """

    sites: dict[str, Any]
    latents: tuple[str, ...]
    guide_trace: Any
    model_trace: Any
    undefined: str | None
    tempered: str | None

    @property
    def weight(self) -> Tensor | None:
        """The weight of each datum of the batch, ``(B,)``; None if all are equal."""
        weights = (data_weight(site) for site in self.sites.values())
        return next((weight for weight in weights if weight is not None), None)

    def check_alike(self) -> None:
        """Checks that all data have the same weight, for means that leave weights out.

        Raises:
            ValueError: If they do not.
        """
        if self.weight is not None:
            raise ValueError(
                "expected a model without data weights: evaluate and score support weights, this "
                "function needs the unweighted model"
            )

    def check_weights(self) -> None:
        """Checks that importance weights average to p(x), unless they have no meaning at all.

        Raises:
            ValueError: If a scale tempers them. The message names the site.
        """
        if self.tempered is not None:
            raise ValueError(self.tempered)


class View:
    """A batch, and the results that are computed from it on request.

    Attributes:
        batch: The checked batch, on the model's device and in its dtype.
    """

    def __init__(self, owner: "Pass", batch: Batch, number: int) -> None:
        self.batch = batch
        self._owner, self._number = owner, number

    def estimate(self) -> Estimates:
        """Draws from the guide, as often as the pass has samples, and summarizes the draws."""
        owner = self._owner
        return estimate(owner.sampler(self.batch), samples=owner.samples)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Gives a block random numbers of its own, so that it does not change other draws."""
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
    """One pass through a split, batch by batch; see `one_pass`.

    Attributes:
        first: The `Look` at the first batch of this rank, once it has been read.
        ranks: The processes that share the data.
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
        ranks: Ranks,
    ) -> None:
        self.model, self.split, self.sampler, self.ranks = model, split, sampler, ranks
        self._starts: list[int] = []
        self.batch_size, self.seed, self.device = batch_size, seed, device
        self._check, self._dtype = BatchCheck(model), dtype_of(model)

    def __iter__(self) -> Iterator[View]:
        for block in self._blocks(self.ranks):
            view = self._view(block)
            if not self._starts:
                self.first = view.look
            self._starts.append(block.start)
            yield view
        if not self._starts:  # there are fewer batches than ranks
            self.first = self._view(next(self._blocks(ALONE))).look

    def gather(self, parts: Sequence[T]) -> list[T]:
        """Gathers from all ranks one result for each view, in the order of the data."""
        found = self.ranks.gather(list(zip(self._starts, parts, strict=False)))
        return [part for _, part in sorted(chain.from_iterable(found), key=itemgetter(0))]

    def _blocks(self, ranks: Ranks) -> Iterator[Block]:
        return blocks(self.split, self.batch_size, seed=self.seed, device=self.device, ranks=ranks)

    def _view(self, block: Block) -> View:
        batch = to_dtype(block.batch, self._dtype)
        self._check(batch)
        return View(self, batch, block.start // self.batch_size)

    @property
    def samples(self) -> int:
        """The number of draws for each datum."""
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
    ranks: Ranks = ALONE,
) -> Iterator[Pass]:
    """Goes once through a split, in evaluation mode, without gradients and with its own seed.

    Inside the block that this opens, the pass can be iterated over once. The draws of a batch
    depend only on the seed, on the position of the batch in the data and on the sizes of batches
    and runs. So everything that is estimated with the same arguments uses the same draws, in one
    process as on several ranks. After the block the model and the random state are unchanged.

    Args:
        model: The program and its guide.
        split: The data.
        samples: Number of draws from the guide for each datum.
        batch_size: Number of data processed at a time.
        rows: Number of draws times data in one run of the model, which determines the memory used;
            the number of data in a batch, if left out.
        compile: Whether to compile that run.
        seed: Seed of the draws.
        device: The device of the model; found from its parameters, if left out.
        ranks: The processes that share the data, each with batches of its own.

    Raises:
        ValueError: If a number is not positive, or, during the pass, if a batch is not data that
            the model can have generated (`BatchCheck`).
    """
    rows = batch_size if rows is None else rows
    for name, value in (("samples", samples), ("batch_size", batch_size), ("rows", rows)):
        check_count(name, value)
    check_seed("seed", seed)
    device = device_of(model) if device is None else read_device(device)
    own = ceil((split.length or 0) / ranks.size)
    sampler = Sampler(model, samples, rows=rows, data=own, compile=compile)
    with (
        isolated(device, seed),
        evaluation_mode(model),
        without_validation(),
        torch.no_grad(),
    ):
        yield Pass(
            model,
            split,
            sampler=sampler,
            batch_size=batch_size,
            seed=seed,
            device=device,
            ranks=ranks,
        )
