"""A VAE trained by Pyro alone: its SVI, its Trace_ELBO, its optimizer.

pyrovae's models are ordinary Pyro programs, so nothing of the library is in the loop.

    python examples/plain_svi.py --epochs 50
"""

import pyro
import torch
from pyro.infer import SVI, Trace_ELBO
from pyro.optim import Adam

from pyrovae import VAE, load_data, plots
from pyrovae.cli import run
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior


def main(epochs: int = 50, batch_size: int = 64, seed: int = 0) -> float:
    """Trains on the handwritten digits that come with scikit-learn."""
    pyro.set_rng_seed(seed)
    data = load_data("digits")
    x_train, (x_test,) = data.train.take(len(data.train))[0], data.test.take(len(data.test))

    vae = VAE(
        NormalPrior(8),
        NormalPosterior(MLP((1, 8, 8), [200], 2 * 8, activation="softplus")),
        BernoulliLikelihood(MLP(8, [200], (1, 8, 8), activation="softplus")),
    )
    svi = SVI(vae.model, vae.guide, Adam({"lr": 1e-3}), loss=Trace_ELBO())

    for epoch in range(1, epochs + 1):
        total = 0.0
        for batch in x_train[torch.randperm(len(x_train))].split(batch_size):
            total += svi.step(batch)
        if epoch % 10 == 0 or epoch == epochs:
            test = svi.evaluate_loss(x_test) / len(x_test)
            print(
                f"epoch {epoch:3}  train -ELBO {total / len(x_train):.2f}  test -ELBO {test:.2f}"
            )

    plots.samples(vae).savefig("plain_svi.png")
    return svi.evaluate_loss(x_test) / len(x_test)


if __name__ == "__main__":
    run(main)
