"""Fills in the missing quadrants of digits: a network that guesses, and a CVAE that draws.

python examples/quadrants.py
python examples/quadrants.py --data mnist --root data --hidden 500 --latents 200 --patience 3

The last one is the protocol of Pyro's tutorial (grey levels, two layers of 500 in each network,
p(z|y) of the given pixels completed by the guess), which stops early by the test images, though.
"""

import pyro
import torch
from jsonargparse import auto_cli

from pyrovae import evaluate, fit, load_data
from pyrovae.datasets import Data, TensorSplit
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import ConditionalVAE, LatentVariableModel
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior


class Baseline(LatentVariableModel):
    """p(x|y): a program without a latent, whose guide has nothing to infer."""

    def __init__(self, likelihood):
        super().__init__()
        self.likelihood = likelihood

    def model(self, x, y):  # noqa: D102
        with self.data_plate(x):
            return pyro.sample("x", self.likelihood(y), obs=x)

    def guide(self, x, y):  # noqa: D102
        pass


def missing(images: Data, given: torch.Tensor, baseline: Baseline | None = None) -> Data:
    """The missing pixels x, and pictures y with -1 or a guess in their place."""
    splits = {}
    for role in ("train", "validation", "test"):
        (image,) = getattr(images, role).take(100_000)
        y = torch.where(given, image, -1.0)
        if baseline is not None:
            y[:, ~given] = baseline.likelihood(y).mean.detach()
        splits[role] = TensorSplit(image[:, ~given], y)
    return Data(**splits)


def main(
    data: str = "digits",
    root: str = "data",
    quadrants: tuple[int, ...] = (1, 2, 3),
    hidden: int = 200,
    latents: int = 8,
    epochs: int = 101,
    patience: int = 10,
) -> None:
    """Prints -log p(missing pixels | given ones) of the test images, in nats."""
    images = load_data(data, root=root)
    layers, (_, h, w) = [hidden, hidden], images.shape
    for n in quadrants:
        pyro.set_rng_seed(0)
        given = torch.zeros(images.shape, dtype=torch.bool)
        given[:, 0 if n > 1 else h // 2 :, : w // 2] = True
        given[:, : h // 2] |= n == 3
        size = int((~given).sum())

        baseline = Baseline(BernoulliLikelihood(MLP(images.shape, layers, size)))
        masked = missing(images, given)
        fit(baseline, masked, epochs=epochs, patience=patience, progress=False)
        cvae = ConditionalVAE(
            NormalPosterior(MLP(images.shape, layers, 2 * latents)),  # p(z|y)
            NormalPosterior(MLP(size + images.shape.numel(), layers, 2 * latents)),
            BernoulliLikelihood(MLP(latents, layers, size)),
            condition_shape=images.shape,
        )
        guessed = missing(images, given, baseline)
        fit(cvae, guessed, epochs=epochs, patience=patience, progress=False)
        guess = evaluate(baseline, masked.test, samples=1).elbo
        report = evaluate(cvae, guessed.test, samples=100)
        bound, log_p = report.elbo, report.log_likelihood.value
        print(f"{n} given: baseline {-guess:.2f}  CVAE, -ELBO {-bound:.2f}, -log p {-log_p:.2f}")


if __name__ == "__main__":
    auto_cli(main)
