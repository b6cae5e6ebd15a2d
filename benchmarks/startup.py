"""How long until a step is compiled: in the first process that needs the program, and in the next.

    python -m benchmarks.startup

Each round takes two processes with a cache of compiled programs that begins empty; the medians of the rounds
are printed, beside the time that importing takes.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from statistics import median

import torch

from benchmarks.machine import machine
from pyrovae import VAE
from pyrovae.cli import run
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior
from pyrovae.training import CompiledSVI


def first_step() -> float:
    """Seconds of a first step of a 784-400-20 softplus network, batch 128, compiling included."""
    vae = VAE(
        NormalPrior(20),
        NormalPosterior(MLP(784, [400], 40, activation="softplus")),
        BernoulliLikelihood(MLP(20, [400], 784, activation="softplus")),
    )
    svi = CompiledSVI(
        vae.model, vae.guide, lambda p: torch.optim.Adam(p, lr=1e-3, fused=True), ELBO()
    )
    x = torch.rand(128, 784).round()
    began = time.perf_counter()
    svi.step(x)
    assert svi.compiled
    return time.perf_counter() - began


def startup(*, rounds: int = 3, threads: int = 2) -> None:
    """Measures the first compiled step of two processes, one after the other.

    Args:
        rounds: How often.
        threads: Threads that PyTorch calculates with.
    """
    found: dict[str, list[float]] = {"importing": [], "first process": [], "next process": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            environment = os.environ | {
                "TORCHINDUCTOR_CACHE_DIR": cache,
                "OMP_NUM_THREADS": str(threads),
            }
            for name in ("first process", "next process"):
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.startup_step"],
                    env=environment,
                    check=True,
                    stdout=subprocess.PIPE,
                    text=True,
                )
                row = json.loads(done.stdout.splitlines()[-1])
                found[name].append(row["step"])
                found["importing"].append(row["importing"])
    print(f"{machine()}, {threads} threads")
    for name, seconds in found.items():
        print(f"{name}: {median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")


if __name__ == "__main__":
    run(startup)
