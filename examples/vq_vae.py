"""A VQ-VAE in two stages: codes and decoder first, then a prior of the codes.

The first prior takes the codes as independent, the second each given those before it.
python examples/vq_vae.py --epochs 100
python examples/vq_vae.py --data mnist --root data --epochs 10
"""

from functools import partial
from pathlib import Path

import pyro
import torch

from pyrovae import VAE, evaluate, fit, load_data
from pyrovae.cli import run
from pyrovae.datasets import Data
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import Density
from pyrovae.nn import MLP
from pyrovae.objectives import VectorQuantizedELBO
from pyrovae.plots import samples
from pyrovae.posteriors import VectorQuantizedPosterior
from pyrovae.priors import AutoregressiveCodePrior, CategoricalCodePrior


def main(
    data: str = "digits",
    root: str = "data",
    positions: int = 8,
    codes: int = 32,
    code_features: int = 8,
    epochs: int = 60,
    out: str = "runs/vq_vae",
) -> None:
    """Prints the bound under each prior and writes figures of samples.

    Args:
        data: A data set that load_data knows.
        root: Folder of its files.
        positions: Number of codes that stand for one image.
        codes: Number of vectors in the codebook.
        code_features: Length of each.
        epochs: Number of passes over the data, in each stage.
        out: Folder of the figures.
    """
    pyro.set_rng_seed(0)
    images = load_data(data, root=root)
    size = positions * code_features
    posterior = VectorQuantizedPosterior(
        MLP(images.shape, [200], size), codes=codes, code_features=code_features
    )
    likelihood = BernoulliLikelihood(MLP(size, [200], images.shape))
    vae = VAE(CategoricalCodePrior(posterior), posterior, likelihood)
    fit(vae, images, objective=VectorQuantizedELBO(), epochs=epochs, progress=False)

    # The second stage: a density of the codes, and the same posterior and likelihood around it.
    prior = AutoregressiveCodePrior(posterior)
    parts = (vae.encode(s.take(len(s))[0]) for s in (images.train, images.validation))
    adam = partial(torch.optim.Adam, lr=3e-3)
    fit(Density(prior), Data(*parts), epochs=epochs, patience=5, optimizer=adam, progress=False)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in (
        ("categorical", vae),
        ("autoregressive", VAE(prior, posterior, likelihood)),
    ):
        print(f"{name} prior: {evaluate(model, images.test, samples=1)}")
        samples(model).savefig(folder / f"{name}.png")


if __name__ == "__main__":
    run(main)
