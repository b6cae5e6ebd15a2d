"""One of the processes that are measured: trains, and the first one says how fast."""

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from benchmarks.scale.cases import Case
from pyrovae import VAE, fit
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior
from pyrovae.ranks import present
from pyrovae.training import Callback, TrainingState

WARM_UP = 10
BATCHES = 10  # in an epoch, whose first step is not looked at


class Clock(Callback):
    """Notes the seconds of each step but the first of an epoch."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._last: float | None = None

    def on_step(self, training: TrainingState, loss: torch.Tensor) -> None:
        """Waits for the loss, and looks at the clock."""
        loss.item()
        now = time.perf_counter()
        if self._last is not None:
            self.seconds.append(now - self._last)
        self._last = now

    def on_epoch(self, training: TrainingState, row: dict[str, Any]) -> None:
        """Leaves out what is done between two epochs."""
        self._last = None


def model(hidden: list[int]) -> VAE:
    """An MLP of 28 x 28 pixels and 20 latents."""
    torch.manual_seed(0)
    return VAE(
        NormalPrior(20),
        NormalPosterior(MLP((1, 28, 28), hidden, 40)),
        BernoulliLikelihood(MLP(20, hidden[::-1], (1, 28, 28))),
    )


def measure(case: Case) -> dict[str, float | str]:
    """The median second of a step, and what else tells of it."""
    if case.group:  # of one, which the program has made by itself
        init = f"file://{tempfile.mkdtemp()}/group"
        dist.init_process_group(init_method=init, rank=0, world_size=1)
    clock, vae = Clock(), model(list(case.hidden))
    x = torch.rand(case.batch_size * BATCHES, 1, 28, 28).round()
    epochs = 1 + (WARM_UP + case.steps) // (BATCHES - 1)
    with tempfile.TemporaryDirectory() as folder:
        fit(
            vae,
            x,
            epochs=epochs,
            batch_size=case.batch_size,
            compile=case.compiled,
            callbacks=[clock],
            progress=False,
            checkpoint=Path(folder) / "run.pt" if case.checkpoint else None,
            checkpoint_steps=1 if case.checkpoint else None,
        )
    seconds = sorted(clock.seconds[WARM_UP:])
    return {
        "step": seconds[len(seconds) // 2],
        "low": seconds[len(seconds) // 10],
        "high": seconds[-1 - len(seconds) // 10],
        "parameters": float(sum(parameter.numel() for parameter in vae.parameters())),
        "processes": float(present().size),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
    }


if __name__ == "__main__":
    found = measure(Case.of(json.loads(sys.argv[2])))
    if present().is_first:
        Path(sys.argv[1]).write_text(json.dumps(found), encoding="utf-8")
