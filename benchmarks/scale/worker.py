"""One of the processes that are measured: trains, and the first one says how fast."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

import torch

from pyrovae import VAE, fit
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior
from pyrovae.ranks import present
from pyrovae.training import Callback, TrainingState

WARM_UP = 10


class Clock(Callback):
    """Notes the time of each step."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def on_step(self, training: TrainingState, loss: torch.Tensor) -> None:
        """Waits for the loss, and looks at the clock."""
        loss.item()
        self.times.append(time.perf_counter())


def measure(batch_size: int, steps: int, hidden: int, compiled: bool) -> dict[str, float]:
    """Seconds of a step, bytes of the gradients and seconds of a checkpoint."""
    torch.manual_seed(0)
    x = torch.rand(batch_size * (WARM_UP + steps), 1, 28, 28).round()
    vae = VAE(
        NormalPrior(20),
        NormalPosterior(MLP((1, 28, 28), [hidden], 40)),
        BernoulliLikelihood(MLP(20, [hidden], (1, 28, 28))),
    )
    clock = Clock()
    fit(
        vae,
        x,
        epochs=1,
        batch_size=batch_size,
        compile=compiled,
        callbacks=[clock],
        progress=False,
    )
    seconds = [
        b - a for a, b in zip(clock.times[WARM_UP - 1 :], clock.times[WARM_UP:], strict=False)
    ]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        torch.save(vae.state_dict(), Path(folder) / "weights.pt")
        written = time.perf_counter() - began
    return {
        "step": sorted(seconds)[len(seconds) // 2],
        "bytes": 4.0 * sum(parameter.numel() for parameter in vae.parameters()),
        "checkpoint": written,
        "data": float(batch_size),
        "size": float(present().size),
    }


if __name__ == "__main__":
    found = measure(*map(int, sys.argv[2:5]), compiled=sys.argv[5] == "True")
    if os.environ.get("RANK", "0") == "0":
        Path(sys.argv[1]).write_text(json.dumps(found))
