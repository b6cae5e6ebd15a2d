"""Where the time of pyrovae's compiled step goes: ``python -m benchmarks.speed.profile FOLDER``.

In a process of its own, which writes what it found as a line of JSON.
"""

import json
import math
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.speed.bounds import begin_task
from benchmarks.speed.cases import Case
from benchmarks.speed.contenders.by_hand import batches
from benchmarks.speed.contenders.pyrovae_fit import build, insist_on_compiling, objective
from benchmarks.speed.data import Task
from benchmarks.speed.process import environment
from pyrovae.training import CompiledSVI

__all__ = ["KINDS", "Profile", "profile_step"]

# What the names of a kind's operations match; each counts for the first.
KINDS = {
    "matrix products": r"aten::(add|b|badd)?(mm|bmm)$|pyrovae::linear|mkldnn::_linear",
    "convolutions": r"aten::_?(mkldnn_)?convolution|mkldnn::",
    "random numbers, the batch's rows": r"aten::(normal_|random_|rand|index_select)",
    "Adam, in place": r"(cpp_fused|graph_).*_copy_",
    "other generated kernels": r"cpp_fused|graph_",
}
PROFILED = 5  # epochs, of which the fastest counts


@dataclass(frozen=True)
class Profile:
    """Where the time of a step goes, in milliseconds.

    Attributes:
        case: The case.
        kinds: The time of each kind of work, by the keys of `KINDS`.
        whole: The time of a step without the profiler.
    """

    case: Case
    kinds: dict[str, float]
    whole: float


def profile_step(case: Case, images: np.ndarray, *, threads: int, cache: Path) -> Profile:
    """Profiles steps of a case.

    Args:
        case: A case of training.
        images: Grey training images, uint8, ``(n, 784)``.
        threads: Number of threads.
        cache: Where compiled code is kept.

    Raises:
        subprocess.CalledProcessError: If the step cannot be profiled.
    """
    with tempfile.TemporaryDirectory() as folder:
        begin_task(Path(folder), case, images)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.speed.profile", folder],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(threads, cache / "profiled"),
            check=True,
        )
    return Profile(case, **json.loads(done.stdout.splitlines()[-1]))


def measure(task: Task) -> dict[str, Any]:
    """Kinds and whole of a `Profile`."""
    insist_on_compiling()
    torch._inductor.config.cpp.enable_kernel_profile = True
    case, images = task.case, torch.from_numpy(task.images())
    vae = build(task)
    svi = CompiledSVI(
        vae.model,
        vae.guide,
        lambda parameters: torch.optim.Adam(parameters, lr=1e-3, fused=True),
        loss=objective(case),
    )
    epochs = batches(case, images.view(-1, *case.shape))

    def epoch() -> float:
        began = time.perf_counter()
        for x in next(epochs):
            svi.step(x)
        return 1000 * (time.perf_counter() - began) / case.steps

    epoch()
    whole = min(epoch() for _ in range(9))
    fastest = math.inf
    for _ in range(PROFILED):
        with profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiler:
            took = epoch()
        if took < fastest:
            fastest, found = took, dict.fromkeys(KINDS, 0.0)
            for event in profiler.key_averages():
                kind = next((k for k, names in KINDS.items() if re.match(names, event.key)), None)
                if kind is not None:
                    found[kind] += event.self_cpu_time_total / 1000 / case.steps
    return {"kinds": found, "whole": whole}


if __name__ == "__main__":
    print(json.dumps(measure(Task(Path(sys.argv[1])))))
