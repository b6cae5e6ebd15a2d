"""One pass through a split, and what the programs say of each of its batches."""

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
        first: What the first batch that this rank looks at looks like, once it has been read.
        ranks: Who goes through the data together.
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
        """Puts together what all ranks have found, something of each view, in the data's order."""
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
    ranks: Ranks = ALONE,
) -> Iterator[Pass]:
    """Goes once through a split, in evaluation mode, without gradients and with a seed of its own.

    Within the block that this opens, the pass is iterated over once. The draws of a batch depend
    on the seed, on where it lies in the data and on the sizes of batches and runs, and on nothing
    else: whatever is estimated with the same arguments is estimated from the same draws, in one
    process as on several ranks. After the block nothing of
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
        ranks: Who goes through the data together, each through batches of its own.

    Raises:
        ValueError: If a number is not positive, or, on the way, if a batch is not data that the
            model can have produced (`BatchCheck`).
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
