"""Counts of cells from three batches, sequenced to different depths: the batch is kept out of z.

python examples/counts.py
python examples/counts.py --data cells.h5ad --batch batch --labels cell_type
"""

from types import SimpleNamespace

import numpy as np
import pyro
import torch
from scipy import sparse
from sklearn.metrics import silhouette_score

from pyrovae import evaluate, fit
from pyrovae.cli import run
from pyrovae.datasets import load_cells
from pyrovae.evaluation import encode
from pyrovae.likelihoods import NegativeBinomialLikelihood, OffsetLikelihood
from pyrovae.models import ConditionalVAE
from pyrovae.nn import MLP, Chain, Covariates, Log1p
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior


def made_up(cells: int, genes: int = 50):
    """Counts of four types in three batches, as sparse as an AnnData has them."""
    random = np.random.default_rng(0)
    kind, batch = random.integers(4, size=cells), random.integers(3, size=cells)
    of_kind, of_batch = random.normal(0, 1, (4, genes)), random.normal(0, 0.5, (3, genes))
    depth = np.exp(random.normal(0, 0.6, cells))
    mean = depth[:, None] * np.exp(of_kind[kind] + of_batch[batch])
    counts = random.poisson(random.gamma(4.0, mean / 4.0))
    counts[:, 0] += 1  # no cell is empty
    obs = {"batch": [f"batch {b}" for b in batch], "type": [f"type {k}" for k in kind]}
    return SimpleNamespace(X=sparse.csr_matrix(counts), obs=obs, obsm={}, layers={})


def main(
    data: str | None = None,
    batch: str = "batch",
    labels: str = "type",
    cells: int = 1500,
    latents: int = 5,
    hidden: int = 64,
    epochs: int = 100,
) -> None:
    """Prints the report, and how far types and batches are apart in the codes."""
    source = made_up(cells) if data is None else data
    read = load_cells(source, categories=[batch], offset=True, labels=labels)
    covariates = Covariates([len(read.record["categories"][batch])], numbers=1)
    genes, batches = read.shape[0], covariates.levels

    pyro.set_rng_seed(0)
    counts = NegativeBinomialLikelihood(
        MLP(latents + batches, [hidden], genes), dispersion="per_feature"
    )
    vae = ConditionalVAE(
        NormalPrior(latents),
        # The encoder reads log(1 + x) alone; the decoder the batch, and the depth as an offset.
        NormalPosterior(Chain([Log1p(genes), MLP(genes, [hidden], 2 * latents)])),
        OffsetLikelihood(counts),
        covariates=covariates,
    )
    optimizer = lambda parameters: torch.optim.Adam(parameters, lr=3e-3)
    fit(vae, read, optimizer=optimizer, epochs=epochs, patience=15)
    print(evaluate(vae, read.test, samples=200))

    codes = encode(vae, read.test).numpy()
    of_batch = read.test.take(len(read.test))[1][:, 0].numpy()
    print(f"silhouette of types {silhouette_score(codes, read.test.labels):.2f}", end=", ")
    print(f"of batches {silhouette_score(codes, of_batch):.2f} (0: mixed)")


if __name__ == "__main__":
    run(main)
