"""Calls of compiled functions as one graph of a GPU, captured once and replayed."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from pyrovae.compilation.comparison import Batch
from pyrovae.compilation.function import CompiledFunction

__all__ = ["Capture", "Captured", "CapturedFunction", "capture_calls", "capture_for"]

Work = Callable[[], Sequence[Tensor]]
# By how much a replay may differ from the run that was captured, as a share of what it gives or
# moves. The kernels are the same; some add up in another order each time, and Adam divides small
# gradients by their own size, roundings included.
SHARE = 5e-2


class Capture(Protocol):
    """Notes what some work asks of a device, without doing it."""

    def __call__(self, work: Work) -> tuple[Callable[[], object], Sequence[Tensor]]:
        """Captures.

        Args:
            work: Reads and moves tensors that stay where they are, and asks for no values.

        Returns:
            What does the work again, and the tensors that it gives, which each replay writes to.
        """


def capture_on_cuda(work: Work) -> tuple[Callable[[], object], Sequence[Tensor]]:
    """Captures a CUDA graph.

    Random numbers go on from where the generator is at each replay, as torch's notes on
    ``CUDAGeneratorImpl`` have it: the default generator belongs to each graph.
    """
    graph = torch.cuda.CUDAGraph()
    # Other threads (a loader's, that pins memory) may go on meanwhile.
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        results = work()
    return graph.replay, results


def capture_for(device: torch.device) -> Capture | None:
    """How work is captured on a device; None where it is not."""
    return capture_on_cuda if device.type == "cuda" else None


class Captured:
    """Work with compiled functions as a graph, captured at the first call and replayed after it.

    The first call does the work uncaptured, puts everything back, captures, replays, and compares
    results and what has moved. Where they differ, or the work cannot be captured, it goes on
    uncaptured, from what the uncaptured run has left. If a tensor that the graph reads lies
    elsewhere later (a state was loaded, say), it is captured anew.

    Args:
        function: The function that the work calls, whose tensors it reads and moves.
        work: The work, by the function's ``run``. Beside those tensors it may read and write what
            lies at fixed places.
        capture: How to capture it.

    Attributes:
        refused: Why the work is not captured, if it is not.
    """

    def __init__(self, function: CompiledFunction, work: Work, capture: Capture) -> None:
        self.refused: str | None = None
        self._function, self._work, self._capture = function, work, capture
        self._places: list[int] | None = None
        self._held: Sequence[Tensor] = ()

    @torch.no_grad()
    def __call__(self) -> Sequence[Tensor]:
        """Does the work; the next call writes to the same results."""
        self._function.read()
        if self.refused is not None:
            return self._work()
        held = self._function.held()
        places = [tensor.data_ptr() for tensor in held]
        if places != self._places:
            # The graph knows addresses alone: what lay there must not be freed for something else.
            self._places, self._held = places, held
            return self._begin(held)
        self._replay()
        return self._results

    def _begin(self, held: Sequence[Tensor]) -> Sequence[Tensor]:
        """Does the work once, captures it, and compares."""
        device, moved = self._function.device, self._function.moved()
        elsewhere = [tensor for tensor in held if tensor.device != device]
        if elsewhere:
            self.refused = f"it reads a tensor on {elsewhere[0].device}"
            return self._work()
        generator = _generator(device)
        before, random = _copies(moved), generator.get_state()
        expected = _copies(self._work())
        after, random_after = _copies(moved), generator.get_state()
        _put_back(moved, before)
        generator.set_state(random)
        try:
            self._replay, self._results = self._capture(self._work)
            self._replay()
            self.refused = _difference(expected, self._results, before, after, moved)
        except RuntimeError as error:  # what cannot be captured, or no memory for it
            self.refused = next(iter(str(error).strip().splitlines()), type(error).__name__)
        if self.refused is None and not torch.equal(generator.get_state(), random_after):
            self.refused = "a replay draws other random numbers"
        if self.refused is None:
            return self._results
        self._replay, self._results, self._held = _nothing, (), ()
        _put_back(moved, after)
        generator.set_state(random_after)
        return expected


class CapturedFunction:
    """A compiled function whose calls are replays of a captured graph.

    Args:
        function: The function.
        batch: A batch such as it was compiled for.
        capture: How to capture it.

    Attributes:
        function: The function.
    """

    def __init__(self, function: CompiledFunction, batch: Batch, capture: Capture) -> None:
        self.function = function
        self._batch = tuple(torch.empty_like(value) for value in batch)
        self._tensors: list[bool] = []  # of the results, which are None else
        self._captured = Captured(function, self._once, capture)
        if not function.fits(self._batch):
            self._captured.refused = "its batches do not fill the memory that they span"

    @property
    def note(self) -> str:
        """What became of capturing it, in a few words."""
        refused = self._captured.refused
        return "captured" if refused is None else f"not captured: {refused}"

    def __call__(self, batch: Batch) -> list[Any]:
        """The function's results for a batch; the next call writes to the same tensors."""
        if self._captured.refused is not None:
            return self.function(batch)
        for place, value in zip(self._batch, batch, strict=True):
            place.copy_(value)
        given = iter(self._captured())
        return [next(given) if is_tensor else None for is_tensor in self._tensors]

    def fits(self, batch: Batch) -> bool:
        """As for the function."""
        return self.function.fits(batch)

    def changed(self) -> list[str]:
        """As for the function."""
        return self.function.changed()

    def _once(self) -> Sequence[Tensor]:
        results = self.function.run(self._batch)
        self._tensors = [result is not None for result in results]
        return [result for result in results if result is not None]


def capture_calls(function: CompiledFunction, batch: Batch) -> CompiledFunction | CapturedFunction:
    """A function with its calls captured, on a device where they are, and else as it is.

    Args:
        function: The function.
        batch: A batch such as it was compiled for.
    """
    capture = capture_for(function.device)
    return function if capture is None else CapturedFunction(function, batch, capture)


def _nothing() -> None:
    """Stands for a graph that is not there."""


def _generator(device: torch.device) -> torch.Generator:
    if device.type == "cuda":
        return torch.cuda.default_generators[device.index or 0]
    return torch.default_generator


def _copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.clone() for tensor in tensors]


def _put_back(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)


def _difference(
    expected: Sequence[Tensor],
    results: Sequence[Tensor],
    before: Sequence[Tensor],
    after: Sequence[Tensor],
    moved: Sequence[Tensor],
) -> str | None:
    """What a replay gives or moves otherwise than the work did, if anything."""
    origins = [torch.zeros_like(value) for value in expected]
    for what, *tensors in (("gives", expected, results, origins), ("moves", after, moved, before)):
        apart = max((_apart(*three) for three in zip(*tensors, strict=True)), default=0.0)
        if not apart <= SHARE:
            return f"a replay {what} something else (by {apart:.2g} of it)"
    return None


def _apart(expected: Tensor, found: Tensor, origin: Tensor) -> float:
    """How far a tensor is from where it should be, over how far that is from an origin.

    By lengths: an element of which Adam divides a rounding by itself may go another way entirely.
    """
    if not expected.is_floating_point():
        return 0.0 if torch.equal(expected, found) else math.inf
    same = (expected == found) | (expected.isnan() & found.isnan())
    off = torch.where(same, 0.0, (found - expected).double()).norm().item()
    way = torch.where(expected.isfinite(), (expected - origin).double(), 0.0).norm().item()
    return 0.0 if off == 0 else off / way if way else math.inf
