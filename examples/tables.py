"""A table with gaps: patients' measurements, of which a fifth is missing, in training too.

python examples/tables.py
python examples/tables.py --data people.csv --columns "age=count,income=positive"
"""

from pathlib import Path

import numpy as np
import pyro
import torch
from sklearn.datasets import load_diabetes

from pyrovae import evaluate, fit, load_data
from pyrovae.cli import run
from pyrovae.datasets import as_frame
from pyrovae.likelihoods import ColumnsLikelihood
from pyrovae.models import MissingDataVAE
from pyrovae.nn import MLP, Chain, ColumnFeatures
from pyrovae.objectives import ImportanceWeightedELBO
from pyrovae.plots import table_columns
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior


def patients(missing: float):
    """The table, and the same with gaps."""
    frame = load_diabetes(as_frame=True, scaled=False).frame
    frame["sex"] = frame["sex"].map({1: "female", 2: "male"})
    return frame.mask(np.random.default_rng(0).random(frame.shape) < missing)


def main(
    data: str | None = None,
    columns: str | None = None,
    missing: float = 0.2,
    latents: int = 5,
    hidden: int = 64,
    epochs: int = 300,
    out: str = "runs/tables",
) -> None:
    """Prints the report, some rows with their gaps filled, and some that the model makes up."""
    table = load_data(patients(missing) if data is None else data, columns=columns)
    print("; ".join(map(str, table.columns)))

    pyro.set_rng_seed(0)
    features = ColumnFeatures(table.columns, mask=True)
    shape = ColumnsLikelihood.network_shape(table.shape, columns=table.columns)
    vae = MissingDataVAE(
        NormalPrior(latents),
        NormalPosterior(Chain([features, MLP(features.out_shape, [hidden], 2 * latents)])),
        ColumnsLikelihood(MLP(latents, [hidden], shape), table.columns),
    )
    fit(
        vae,
        table,
        objective=ImportanceWeightedELBO(num_particles=5),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=5e-3),
        epochs=epochs,
        patience=50,
    )
    print(evaluate(vae, table.test, samples=200))

    x, *rest = table.test.take(5)
    mask = rest[0] if rest else torch.ones_like(x, dtype=torch.bool)
    print("filled:", as_frame(vae.impute(x, mask, samples=200), table.columns), sep="\n")
    drawn = vae.sample(1000, draw=True)
    print("made up:", as_frame(drawn[:5], table.columns), sep="\n")
    Path(out).mkdir(parents=True, exist_ok=True)
    x, *rest = table.train.take(1000)
    figure = table_columns(x, drawn, table.columns, mask=rest[0] if rest else None)
    figure.savefig(Path(out) / "columns.png")
    print(f"data and model, column by column, in {out}/columns.png")


if __name__ == "__main__":
    run(main)
