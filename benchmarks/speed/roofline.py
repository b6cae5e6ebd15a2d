"""The least time of a training step, from its floating-point operations and the bytes that it moves.

``python -m benchmarks.speed.roofline`` measures how many of each a second the GPU does, in a process
of its own, and writes them as a line of JSON. Williams, Waterman and Patterson, 2009, Roofline,
https://doi.org/10.1145/1498765.1498785.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.speed.cases import Case
from benchmarks.speed.contenders.by_hand import Network
from benchmarks.speed.process import environment

__all__ = ["Pace", "Work", "measure_pace", "work_of"]

COPIED = 2**30  # bytes: far more than any cache holds
SIDE = 8192  # of the matrices of the product
REPEATS = 10
FLOAT = 4  # bytes


@dataclass(frozen=True)
class Work:
    """What a step has to do at least.

    Attributes:
        operations: Additions and multiplications of its products and convolutions.
        bytes: What it reads and writes: of each layer's output, written forwards and read
            backwards; of the batch; of each parameter, read forwards and backwards, with a gradient
            that is written, and an Adam that reads it with both moments and the parameter and writes
            three of them back.
    """

    operations: float
    bytes: float


@dataclass(frozen=True)
class Pace:
    """What a device does in a second.

    Attributes:
        operations: Additions and multiplications of a large product in float32.
        bytes: Read and written by a large copy.
    """

    operations: float
    bytes: float

    def milliseconds(self, work: Work) -> float:
        """The least time of some work: the longer one of its operations' and its bytes'."""
        return 1000 * max(work.operations / self.operations, work.bytes / self.bytes)


def work_of(case: Case) -> Work:
    """Counts the work of a step of a case, on tensors without values."""
    network = Network(case).to("meta")
    outputs: list[int] = []

    def note(layer: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
        outputs.append(output.numel())

    for layer in network.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            layer.register_forward_hook(note)
    batch = torch.empty(case.batch, case.pixels, device="meta")
    with FlopCounterMode(display=False) as counter:
        network(batch, network.noise(case.batch)).backward()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    numbers = 10 * parameters + 2 * sum(outputs) + batch.numel()
    return Work(counter.get_total_flops(), FLOAT * numbers)


def measure_pace(cache: Path) -> Pace:
    """Measures the pace of the GPU under the settings of the contenders.

    Args:
        cache: Where compiled code is kept.

    Raises:
        subprocess.CalledProcessError: If there is none, or it is too small.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed.roofline"],
        stdout=subprocess.PIPE,
        env=environment(1, cache, "cuda"),
        check=True,
    )
    return Pace(**json.loads(done.stdout.splitlines()[-1]))


def _measure() -> dict[str, float]:
    """The fields of a `Pace`, each from the fastest of some repetitions."""
    source = torch.empty(COPIED // FLOAT, device="cuda")
    target = torch.empty_like(source)
    a, b = (torch.randn(SIDE, SIDE, device="cuda") for _ in range(2))
    product = torch.empty_like(a)
    copying = [_seconds(lambda: target.copy_(source)) for _ in range(REPEATS)]
    multiplying = [_seconds(lambda: torch.mm(a, b, out=product)) for _ in range(REPEATS)]
    return {
        "operations": 2 * SIDE**3 / min(multiplying),
        "bytes": 2 * COPIED / min(copying),
    }


def _seconds(work: Callable[[], object]) -> float:
    began, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    began.record()
    work()
    ended.record()
    ended.synchronize()
    return began.elapsed_time(ended) / 1000


if __name__ == "__main__":
    print(json.dumps(_measure()))
