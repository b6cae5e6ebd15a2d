"""Measures one training step of pyrovae and its peers side by side, and writes a page.

    pip install -e '.[bench]'                             # NumPyro and pythae; left out by name if absent
    python -m benchmarks.speed --root data                # docs/results/speed.md and its figure
    python -m benchmarks.speed --settings a --batches '[128]' --only '[pyro-svi,pyrovae-compiled]'

    python -m benchmarks.speed --root data --device cuda  # docs/results/speed_cuda.md: a GPU, larger batches

Settings: (a) MLP 784-400-20 at several batch sizes; (b) the IWAE network and its bound of 1, 5 and
50 particles; (c) convolutions 32-64; (d) time to a test ELBO of -105 on grey MNIST, compilation
included; (e) importance sampling with S = 1000; (f) a residual network on generated images of 64 x
64. Without MNIST in ``root``, generated images of its shape and share of ink, and no (d).
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from benchmarks.speed.cases import ALL_SETTINGS, Case, Device, all_cases
from benchmarks.speed.contenders import CONTENDERS
from benchmarks.speed.data import generated_images
from benchmarks.speed.measurement import Measurement, Options
from benchmarks.speed.profile import profile_step
from benchmarks.speed.report import write_figure, write_page
from benchmarks.speed.roofline import measure_pace, work_of
from benchmarks.speed.runner import measure
from pyrovae import load_data
from pyrovae.cli import run

HELD_OUT = 500  # generated images to compare bounds on


def main(
    settings: str = ALL_SETTINGS,
    batches: list[int] | None = None,
    only: list[str] | None = None,
    root: Path = Path("data"),
    rounds: int = 5,
    seconds: float = 0.5,
    threads: int = 0,
    peers_python: Path = Path(sys.executable),
    device: Device = "cpu",
    out: Path | None = None,
    quick: bool = False,
) -> None:
    """Measures, and writes a page with tables and a figure beside it.

    Args:
        settings: Letters from "abcdef".
        batches: Batch sizes of setting (a); if left out 16, 128 and 512, on a GPU 128 to 8192.
        only: Names of contenders, such as "pyrovae-compiled"; all if left out.
        root: Folder of MNIST, in torchvision's layout.
        rounds: Measurements of each contender, in turns.
        seconds: Least time of one measurement.
        threads: Threads of each contender; 0 is as many as there are cores.
        peers_python: Interpreter that has NumPyro and pythae, where it is another one.
        device: cpu or cuda.
        out: The page to write; if left out docs/results/speed.md, of a GPU speed_cuda.md there.
        quick: Makes all of it tiny, to see that it runs.
    """
    names = list(CONTENDERS) if only is None else only
    unknown = [name for name in names if name not in CONTENDERS]
    if unknown:
        raise ValueError(f"only: expected names among {', '.join(CONTENDERS)}, got {unknown}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device: expected cpu, since this machine has no CUDA device, got cuda")
    if out is None:
        out = Path("docs/results") / ("speed.md" if device == "cpu" else "speed_cuda.md")
    train, test, what = _images(root)
    if what != "MNIST" and "d" in settings:
        print(f"no MNIST in root {str(root)!r}: generated images, and (d) is left out")
        settings = settings.replace("d", "")
    threads = threads or os.cpu_count() or 1
    options = Options(
        rounds=rounds, seconds=seconds, threads=threads, device=device, peers_python=peers_python
    )
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    if load is not None and load > 0.5:
        print(f"the machine is busy (load {load:.1f}): these times will not be worth reporting")
    found, profiles = [], []
    pace = measure_pace(options.cache) if device == "cuda" else None
    for case in all_cases(settings, batches, device=device, quick=quick):
        print(f"({case.setting}) {case.network}, {case.name}", flush=True)
        images, held_out = (train, test) if case.side == 28 else _generated(case)
        found.append(measure(case, names, images, held_out, options))
        if pace is not None and not case.samples and case.target is None:
            floor = pace.milliseconds(work_of(case))
            found[-1].append(Measurement("roofline", case, [floor] * rounds))
        if device == "cpu" and case.setting in "abc" and "pyrovae-step" in names:
            try:
                profiles.append(profile_step(case, train, threads=threads, cache=options.cache))
            except subprocess.CalledProcessError as error:
                print(f"  not profiled: {error}")
        # After each case: an interrupted run leaves what it has measured.
        figure = out.parent / "figures" / f"{out.stem}.png"
        write_page(
            out, found, figure=figure, options=options, data=what, load=load, profiles=profiles
        )
        write_figure(figure, found)
    print(out)


def _generated(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Training and held-out images of a case of another size than MNIST's."""
    images = generated_images(case.images + HELD_OUT, side=case.side)
    return images[: case.images], images[case.images :]


def _images(root: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """Training and test images, uint8, ``(n, 784)``, and what they are called."""
    try:
        data = load_data("mnist", root=root, validation=0)
    except (FileNotFoundError, RuntimeError, ValueError):
        images = generated_images(61_000)
        return images[:60_000], images[60_000:], "generated images"
    parts = [split.take(len(split))[0] for split in (data.train, data.test)]
    train, test = ((255 * x).round().flatten(1).numpy().astype(np.uint8) for x in parts)
    return train, test, "MNIST"


if __name__ == "__main__":
    run(main)
