"""The memory that a process takes to train on data, or to evaluate them."""

import json
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import Self

import numpy as np
import torch

from benchmarks.scale.cases import Case
from pyrovae import VAE, evaluate, fit, load_data
from pyrovae.datasets import split_tensors
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

FEATURES = 12_288  # 48 KiB a datum
EVALUATED, SAMPLES = 100, 60  # more rows than are run at a time


def anonymous() -> int:
    """The memory of this process in bytes, without the pages of files that are mapped."""
    with open("/proc/self/status", encoding="utf-8") as lines:
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


class Peak:
    """The largest memory of a process in a block, looked at every few milliseconds."""

    def __enter__(self) -> Self:
        self.before = self.bytes = anonymous()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.is_set():
            self.bytes = max(self.bytes, anonymous())
            time.sleep(0.005)


def _model(shape: tuple[int, ...]) -> VAE:
    torch.manual_seed(0)
    return VAE(
        NormalPrior(8),
        NormalPosterior(MLP(shape, [32], 16)),
        NormalLikelihood(MLP(8, [32], shape)),
    )


def measure(case: Case) -> dict[str, float | str]:
    """Bytes taken, beside those that a small run has taken once."""
    warm = split_tensors(torch.rand(600, FEATURES), test=100)
    fit(_model((FEATURES,)), warm, epochs=1, progress=False)
    del warm
    if case.side:
        images = torch.rand(EVALUATED, 3, case.side, case.side)
        model = _model(tuple(images.shape[1:]))
        with Peak() as peak:
            evaluate(model, images, samples=SAMPLES)
        return {"bytes": float(peak.bytes - peak.before), "of": float(images[0].nbytes)}
    rows = case.megabytes * 10**6 // 4 // FEATURES
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        # A file of holes, which takes no place on the disk.
        array = np.lib.format.open_memmap(path, "w+", "f4", (rows, FEATURES))
        array[:: rows // 50] = 1
        array.flush()
        with Peak() as peak:
            data = load_data(str(path))
            fit(_model((FEATURES,)), data, epochs=1, progress=False)
    kind = type(data.train).__name__
    return {"bytes": float(peak.bytes - peak.before), "of": 4.0 * rows * FEATURES, "read": kind}


if __name__ == "__main__":
    case = Case.of(json.loads(sys.argv[2]))
    warnings.simplefilter("ignore")  # made data have a scale that training would not like
    Path(sys.argv[1]).write_text(json.dumps(measure(case)), encoding="utf-8")
