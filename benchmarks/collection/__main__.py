"""Every model of the collection on Frey Faces, at one equal budget: a table, and a figure of all.

    python -m benchmarks.collection --data data/freyfaces.npy --epochs 100
    python -m benchmarks.collection --data data/freyfaces.npy --only '["VAE","VampPrior"]'

Models that are measured already are not trained again.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyro
import torch

from benchmarks.collection.models import MODELS
from benchmarks.collection.page import Row, constant, draw, page, read_images
from benchmarks.collection.parts import Entry, begin_scales, density_of_codes
from pyrovae import VAE, evaluate, fit, load_data
from pyrovae.cli import run
from pyrovae.datasets import Data
from pyrovae.files import atomic

HELD_OUT = 200
SHOWN = 12


def collection(
    data: str = "data/freyfaces.npy",
    *,
    epochs: int = 100,
    samples: int = 100,
    only: list[str] | None = None,
    runs: str = "runs/collection",
    out: str = "docs/results",
) -> None:
    """Trains the models of the collection, and writes a page and its figure.

    Args:
        data: File of the images.
        epochs: Passes over the images, for each model and for a density that is fitted to its codes.
        samples: Draws in the estimate of log p(x).
        only: Names of the models to train, if not all.
        runs: Folder of what was measured, which is gone on with.
        out: Folder of the page and the figure.
    """
    unknown = set(only or ()).difference(MODELS)
    if unknown:
        raise ValueError(f"only: expected some of {', '.join(MODELS)}, got {', '.join(unknown)}")
    folder = Path(runs)
    folder.mkdir(parents=True, exist_ok=True)
    loaded = load_data(data, validation=HELD_OUT, test=HELD_OUT)
    for name in only or MODELS:
        if not (folder / f"{name}.json").is_file():
            row, images = measured(MODELS[name], loaded, epochs=epochs, samples=samples)
            _keep(folder, name, row, images)
            print(f"{name}: {row}")
    done = [name for name in MODELS if (folder / f"{name}.json").is_file()]
    rows = {
        name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in done
    }
    (Path(out) / "figures").mkdir(parents=True, exist_ok=True)
    named = Path(data).stem
    (x,), (y,) = (split.take(len(split)) for split in (loaded.train, loaded.test))
    text = page(
        rows,
        data=f"images of {named}",
        epochs=epochs,
        samples=samples,
        constants=[constant(x, y, each=each) for each in (False, True)],
    )
    with atomic(Path(out) / "collection.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    figure = draw(read_images(folder, done), y[:SHOWN].numpy())
    figure.savefig(Path(out) / "figures" / "collection.png", dpi=110)


def measured(
    entry: Entry, data: Data, *, epochs: int, samples: int
) -> tuple[Row, dict[str, np.ndarray]]:
    """Trains a model; its row, and what it reconstructs and samples."""
    pyro.set_rng_seed(0)
    (x,) = data.train.take(len(data.train))
    budget: dict[str, Any] = {"epochs": epochs, "batch_size": 100}
    model = entry.make(x)
    begin_scales(model, x)
    fit(
        model,
        data,
        objective=entry.objective(len(x)),
        progress=False,
        **budget,
        **entry.options(x),
    )
    density = None
    if entry.codes is not None:
        density = density_of_codes(entry.codes(model), model, x, budget)
        if isinstance(model, VAE):
            model = VAE(density.prior, model.posterior, model.likelihood)
    assert data.test is not None
    report = evaluate(model, data.test, samples=samples)
    estimate = report.log_likelihood
    row: Row = {
        "parts": entry.parts,
        "elbo": report.elbo,
        "log_likelihood": None if estimate is None else estimate.value,
        "reconstruction": report.reconstruction,
        "undefined": report.undefined,
    }
    torch.manual_seed(0)
    (shown,) = data.test.take(SHOWN)
    # An autoencoder has no prior of its own, and one of its codes makes no bound of it.
    alone = density is not None and not isinstance(model, VAE)
    drawn = model.decode(density.sample(SHOWN)).mean if alone else model.sample(SHOWN)
    images = {"reconstructions": model.reconstruct(shown), "samples": drawn}
    return row, {key: np.asarray(value) for key, value in images.items()}


def _keep(folder: Path, name: str, row: Row, images: dict[str, np.ndarray]) -> None:
    """Writes what was measured, the row last, which says that it is whole."""
    with atomic(folder / f"{name}.npz") as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **images)  # type: ignore[arg-type]
    with atomic(folder / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(row, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(collection)
