"""Measures one training step of pyrovae and its peers side by side, and writes a page.

    pip install -e '.[bench]'                             # NumPyro and pythae; left out by name if absent
    python -m benchmarks.speed --root data                # docs/results/speed.md and its figure
    python -m benchmarks.speed --settings a --batches '[128]' --only '[pyro-svi,pyrovae-compiled]'

Settings: (a) MLP 784-400-20 at several batch sizes; (b) the IWAE network and its bound of 1, 5 and
50 particles; (c) convolutions 32-64; (d) time to a test ELBO of -105 on grey MNIST, compilation
included; (e) importance sampling with S = 1000. Without MNIST in ``root``, generated images of its
shape and share of ink, and no (d).
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.speed.cases import ALL_SETTINGS, all_cases
from benchmarks.speed.contenders import CONTENDERS
from benchmarks.speed.data import generated_images
from benchmarks.speed.measurement import Options
from benchmarks.speed.profile import profile_step
from benchmarks.speed.report import write_figure, write_page
from benchmarks.speed.runner import measure
from pyrovae import load_data
from pyrovae.cli import run


def main(
    settings: str = ALL_SETTINGS,
    batches: list[int] | None = None,
    only: list[str] | None = None,
    root: Path = Path("data"),
    rounds: int = 5,
    seconds: float = 0.5,
    threads: int = 0,
    peers_python: Path = Path(sys.executable),
    out: Path = Path("docs/results/speed.md"),
    quick: bool = False,
) -> None:
    """Measures, and writes a page with tables and a figure beside it.

    Args:
        settings: Letters from "abcde".
        batches: Batch sizes of setting (a); 16, 128 and 512 if left out.
        only: Names of contenders, such as "pyrovae-compiled"; all if left out.
        root: Folder of MNIST, in torchvision's layout.
        rounds: Measurements of each contender, in turns.
        seconds: Least time of one measurement.
        threads: Threads of each contender; 0 is as many as there are cores.
        peers_python: Interpreter that has NumPyro and pythae, where it is another one.
        out: The page to write.
        quick: Makes all of it tiny, to see that it runs.
    """
    names = list(CONTENDERS) if only is None else only
    unknown = [name for name in names if name not in CONTENDERS]
    if unknown:
        raise ValueError(f"only: expected names among {', '.join(CONTENDERS)}, got {unknown}")
    train, test, what = _images(root)
    if what != "MNIST" and "d" in settings:
        print(f"no MNIST in root {str(root)!r}: generated images, and (d) is left out")
        settings = settings.replace("d", "")
    threads = threads or os.cpu_count() or 1
    options = Options(rounds=rounds, seconds=seconds, threads=threads, peers_python=peers_python)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    if load is not None and load > 0.5:
        print(f"the machine is busy (load {load:.1f}): these times will not be worth reporting")
    found, profiles = [], []
    for case in all_cases(settings, batches or (16, 128, 512), quick=quick):
        print(f"({case.setting}) {case.network}, {case.name}", flush=True)
        found.append(measure(case, names, train, test, options))
        if case.setting in "abc" and "pyrovae-step" in names:
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
