"""One layer of latents, two layers with a guide from the bottom up, and a ladder.

python examples/hierarchical.py
python examples/hierarchical.py --data mnist --root data --hidden 200 --latents [100,50]
     --batch_size 20 --epochs 50 --warmup 0 --learning_rate 1e-3 --samples 5000
"""

from functools import partial
from typing import Literal

import pyro
import torch

from pyrovae import VAE, evaluate, fit, load_data, plots
from pyrovae.cli import run
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import HierarchicalVAE, LadderVAE, LatentVariableModel
from pyrovae.nn import MLP, Shape
from pyrovae.objectives import ImportanceWeightedELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior
from pyrovae.schedules import LinearWarmup

Name = Literal["one", "two", "ladder"]
# The networks of Burda et al., 2016, https://arxiv.org/abs/1509.00519.
tanh = partial(MLP, activation="tanh")


def normal(n_in: Shape, hidden: list[int], features: int) -> NormalPosterior:
    """A diagonal normal with parameters from a network, of latents in either direction."""
    return NormalPosterior(tanh(n_in, hidden, 2 * features))


def make(model: Name, shape: Shape, hidden: int, latents: tuple[int, int]) -> LatentVariableModel:
    """Makes a model whose top layer has as many latents as the only one of a single layer."""
    (z1, z2), wide, narrow = latents, [hidden] * 2, [hidden // 2] * 2
    prior = NormalPrior(z2)
    likelihood = BernoulliLikelihood(tanh(z2 if model == "one" else z1, wide, shape))
    if model == "one":
        return VAE(prior, normal(shape, wide, z2), likelihood)
    over = [normal(z2, narrow, z1)]
    if model == "two":
        up = [normal(shape, wide, z1), normal(z1, narrow, z2)]
        return HierarchicalVAE(prior, up, likelihood, conditional_priors=over)
    encoders = [tanh(shape, wide[:1], hidden), tanh(hidden, narrow[:1], hidden // 2)]
    said = [normal(hidden, [], z1), normal(hidden // 2, [], z2)]
    return LadderVAE(prior, said, likelihood, conditional_priors=over, encoders=encoders)


def main(
    data: str = "digits",
    root: str = "data",
    models: tuple[Name, ...] = ("one", "two", "ladder"),
    hidden: int = 100,
    latents: tuple[int, int] = (16, 8),
    particles: int = 1,
    batch_size: int = 64,
    epochs: int = 150,
    warmup: int = 50,
    learning_rate: float = 2e-3,
    samples: int = 1000,
) -> None:
    """Trains on images binarized anew each time; prints log p(x) of test images."""
    loaded = load_data(data, root=root, binarization="dynamic")
    options = {
        "objective": ImportanceWeightedELBO(num_particles=particles),  # one particle: the ELBO
        "optimizer": lambda parameters: torch.optim.Adam(parameters, lr=learning_rate),
        "beta": LinearWarmup(warmup) if warmup else 1.0,  # upper layers collapse without it
    }
    for name in models:
        pyro.set_rng_seed(0)
        vae = make(name, loaded.shape, hidden, latents)
        fit(vae, loaded, batch_size=batch_size, epochs=epochs, **options)
        print(f"{name}: {evaluate(vae, loaded.test.take(10_000), samples=samples)}")
        plots.samples(vae).savefig(f"hierarchical_{name}.png")


if __name__ == "__main__":
    run(main)
