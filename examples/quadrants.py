"""Fills in the missing quadrants of digits: a network that guesses, and a CVAE that draws.

python examples/quadrants.py
python examples/quadrants.py --data mnist --root data --hidden 500 --latents 200 --patience 3

The last one is the protocol of Pyro's tutorial (grey levels, two layers of 500 in each network,
p(z|y) of the given pixels completed by the guess), which stops early by the test images, though.
"""

import pyro
import torch

from pyrovae import evaluate, fit, load_data
from pyrovae.cli import run
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

    def guide(self, x, y): ...  # noqa: D102


def missing(images: Data, given: torch.Tensor, guess=None) -> Data:
    """The missing pixels x, and pictures y with -1 or a guess in their place."""
    splits = {}
    for role in ("train", "validation", "test"):
        (image,) = getattr(images, role).take(100_000)
        y = torch.where(given, image, -1.0)
        if guess is not None:
            y[:, ~given] = guess(y).mean.detach()
        splits[role] = TensorSplit(image[:, ~given], y)
    return Data(**splits)


def main(
    data: str = "digits",
    root: str = "data",
    hidden: int = 200,
    latents: int = 8,
    epochs: int = 101,
    patience: int = 10,
) -> None:
    """Prints -log p(missing|given) of the test images, in nats, for 1, 2 and 3 quadrants given."""
    images, layers = load_data(data, root=root), [hidden, hidden]
    (c, h, w), pixels = images.shape, images.shape.numel()
    for n in (1, 2, 3):
        pyro.set_rng_seed(0)
        given = torch.zeros(c, h, w, dtype=torch.bool)
        given[:, 0 if n > 1 else h // 2 :, : w // 2] = True
        given[:, : h // 2] |= n == 3
        size = int((~given).sum())
        baseline = Baseline(BernoulliLikelihood(MLP((c, h, w), layers, size)))
        prior = NormalPosterior(MLP((c, h, w), layers, 2 * latents))  # p(z|y)
        posterior = NormalPosterior(MLP(size + pixels, layers, 2 * latents))
        likelihood = BernoulliLikelihood(MLP(latents, layers, size))
        cvae = ConditionalVAE(prior, posterior, likelihood, condition_shape=(c, h, w))
        for model, guess in ((baseline, None), (cvae, baseline.likelihood)):
            parts = missing(images, given, guess)
            fit(model, parts, epochs=epochs, patience=patience, progress=False)
            found = evaluate(model, parts.test, samples=100)
            name, log_p = type(model).__name__, found.log_likelihood.value
            print(f"{n} given  {name:15} -ELBO {-found.elbo:6.2f}  -log p(x|y) {-log_p:6.2f}")


if __name__ == "__main__":
    run(main)
