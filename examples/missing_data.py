"""Half of the pixels are missing, in training too: the model explains the rest and imputes them.

python examples/missing_data.py
python examples/missing_data.py --data mnist --root data --epochs 20 --latents 50 --hidden 400
"""

from pathlib import Path

import pyro
import torch
from torch import Tensor

from pyrovae import evaluate, fit, load_data
from pyrovae.cli import run
from pyrovae.datasets import Split, TensorSplit
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import MissingDataVAE
from pyrovae.nn import MLP
from pyrovae.objectives import ImportanceWeightedELBO
from pyrovae.plots.tiles import draw_tiles
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior


def lose(split: Split, rate: float, seed: int) -> tuple[Tensor, Tensor]:
    """All images of a split, and which of their pixels are still there."""
    (x,) = split.take(len(split))
    return x, torch.rand(x.shape, generator=torch.Generator().manual_seed(seed)) > rate


def main(
    data: str = "digits",
    root: str = "data",
    rate: float = 0.5,
    hidden: int = 200,
    latents: int = 8,
    particles: int = 5,
    epochs: int = 200,
    samples: int = 200,
    images: int = 1000,
    out: str = "runs/missing_data",
) -> None:
    """Prints how far imputed pixels are from the true ones, and saves a figure of both."""
    loaded = load_data(data, root=root)
    x, seen = lose(loaded.train, rate, seed=0)
    pyro.set_rng_seed(0)
    vae = MissingDataVAE(
        NormalPrior(latents),
        NormalPosterior(MLP(loaded.shape, [hidden], 2 * latents)),
        BernoulliLikelihood(MLP(latents, [hidden], loaded.shape)),
    )
    fit(
        vae,
        TensorSplit(x * seen, seen),
        objective=ImportanceWeightedELBO(num_particles=particles),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=2e-3),
        epochs=epochs,
        batch_size=64,
    )

    test, kept = (values[:images] for values in lose(loaded.test, rate, seed=1))
    print(evaluate(vae, (test * kept, kept), samples=samples))
    imputed = vae.impute(test * kept, kept, samples=samples)
    mean = ((x * seen).sum(0) / seen.sum(0).clamp(min=1)).expand_as(test)
    for name, values in (("imputed", imputed), ("mean of the pixel", mean)):
        error = (values - test)[~kept].square().mean().sqrt()
        print(f"RMSE of missing pixels, {name}: {error:.3f}")

    rows = {"observed": torch.where(kept, test, 0.5), "imputed": imputed, "true": test}
    tiles = torch.cat([row[:12] for row in rows.values()])
    Path(out).mkdir(parents=True, exist_ok=True)
    draw_tiles(tiles, columns=12, title="Missing pixels", row_labels=list(rows)).savefig(
        Path(out) / "imputed.png"
    )
    print(f"observed, imputed and true images in {out}/imputed.png")


if __name__ == "__main__":
    run(main)
