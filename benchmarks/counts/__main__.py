"""Models of counts side by side, on cells that are made up by a known model.

python -m benchmarks.counts                                    # docs/results/counts.md
python -m benchmarks.counts --seeds '[0]' --epochs 5
"""

from pathlib import Path
from statistics import mean

import pyro
import torch
from sklearn.metrics import silhouette_score
from sklearn.neighbors import NearestNeighbors

from benchmarks.counts.data import BATCHES, Cells, make_cells
from benchmarks.counts.models import MODELS
from pyrovae import evaluate, fit
from pyrovae.cli import run
from pyrovae.datasets import Data, TensorSplit
from pyrovae.evaluation import encode
from pyrovae.files import atomic

TEXT = """The cells are of four types, in three batches, and sequenced to depths that differ by a factor of two
and more. They are drawn from negative binomials with known means (`benchmarks/counts/data.py`), so the
true log p(x | batch, depth) is known too. The model that is given neither batch nor depth has a log p(x)
without these conditions. *log p(x)*: nats per cell on held-out cells, from {samples} importance samples; higher
is better. *Types*: silhouette of the types in the codes; 1 means well separated. *Mixing*: the share of a
cell's 20 nearest neighbours that are from another batch, divided by the share expected by chance; 1
means that the batches are mixed, 0 that they are separate."""


def split(cells: Cells, part: slice) -> TensorSplit:
    """Counts with batch and log depth as covariates; the mean depth's logarithm is taken off."""
    covariates = torch.stack(
        [
            torch.from_numpy(cells.batch[part]).float(),
            torch.from_numpy(cells.log_depth[part]).float(),
        ],
        1,
    )
    return TensorSplit(torch.from_numpy(cells.counts[part]), covariates)


def mixing(codes: torch.Tensor, batch: torch.Tensor, neighbours: int = 20) -> float:
    """How far the batches of a cell's neighbours are those of chance."""
    k = min(neighbours, len(codes) - 1)
    found = NearestNeighbors(n_neighbors=k + 1).fit(codes).kneighbors(codes, return_distance=False)
    other = (batch[torch.from_numpy(found[:, 1:])] != batch[:, None]).float().mean().item()
    shares = batch.bincount(minlength=BATCHES) / len(batch)
    return other / (1 - shares.square().sum().item())


def measured(
    name: str, cells: Cells, n: int, *, seed: int, epochs: int, samples: int
) -> dict[str, float]:
    """What a model makes of cells, the first n of which it is trained with."""
    train, kept, test = (
        split(cells, part) for part in (slice(0, n), slice(n, n + n // 5), slice(n + n // 5, None))
    )
    pyro.set_rng_seed(seed)
    model = MODELS[name](cells.counts.shape[1], BATCHES)
    if name == "negative binomial alone":
        train, kept, test = (TensorSplit(part.tensors[0]) for part in (train, kept, test))
    fit(
        model,
        Data(train=train, validation=kept),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=3e-3),
        epochs=epochs,
        batch_size=128,
        patience=15,
        progress=False,
        compile=False,
    )
    report = evaluate(model, test, samples=samples, compile=False)
    codes, first = encode(model, test), n + n // 5
    assert isinstance(codes, torch.Tensor)
    assert report.log_likelihood is not None
    return {
        "log p(x)": report.log_likelihood.value,
        "types": float(silhouette_score(codes, cells.kind[first:])),
        "mixing": mixing(codes, torch.from_numpy(cells.batch[first:])),
    }


def main(
    seeds: list[int] = [0, 1, 2],  # noqa: B006
    cells: int = 1500,
    genes: int = 50,
    epochs: int = 150,
    samples: int = 200,
    machine: str = "an AMD EPYC, one of two cores",
    out: Path = Path("docs/results"),
) -> None:
    """Measures everything, and writes ``counts.md`` into a folder."""
    held = max(cells // 2, 30)
    rows: dict[str, list[dict[str, float]]] = {name: [] for name in MODELS}
    truth = []
    for seed in seeds:
        made = make_cells(cells + cells // 5 + held, genes, seed=seed)
        truth.append(float(made.log_density[-held:].mean()))
        for name in MODELS:
            found = measured(name, made, cells, seed=seed, epochs=epochs, samples=samples)
            rows[name].append(found)
            print(seed, name, found, flush=True)
    columns = ["log p(x)", "types", "mixing"]
    table = ["| model | " + " | ".join(columns) + " |", "| --- | --- | --- | --- |"]
    table.append(f"| the truth | {mean(truth):.2f} |  |  |")
    for name, found in rows.items():
        values = " | ".join(f"{mean(each[c] for each in found):.2f}" for c in columns)
        table.append(f"| {name} | {values} |")
    command = (
        f"--seeds {seeds} --cells {cells} --genes {genes} --epochs {epochs} --samples {samples}"
    )
    page = [
        "# Counts, measured",
        (
            f"Made by `python -m benchmarks.counts {command}`: {cells} training and {held} test "
            f"cells, {genes} genes, 5 latents, networks of one hidden layer of 64, Adam 3e-3, batch "
            f"128, at most {epochs} epochs, early stopping on a sixth of the cells; means over seeds "
            f"{', '.join(map(str, seeds))}, each with its own cells, on {machine}."
        ),
        TEXT.format(samples=samples),
        "\n".join(table),
    ]
    with atomic(out / "counts.md") as temporary:
        temporary.write_text("\n\n".join(page) + "\n", encoding="utf-8")
    print(f"{out / 'counts.md'}")


if __name__ == "__main__":
    run(main)
