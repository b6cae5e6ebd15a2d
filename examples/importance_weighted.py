"""Trained with the ELBO and with importance-weighted bounds of more and more particles.

python examples/importance_weighted.py --epochs 100
"""

import pyro

from pyrovae import VAE, evaluate, fit, load_data, plots
from pyrovae.cli import run
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import ImportanceWeightedELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior


def main(epochs: int = 100, particles: tuple[int, ...] = (1, 5, 20), samples: int = 1000) -> None:
    """Trains on binarized 8x8 digits; one particle is the ELBO."""
    data = load_data("digits", binarization="dynamic")
    for number in particles:
        pyro.set_rng_seed(0)
        vae = VAE(
            NormalPrior(8),
            NormalPosterior(MLP((1, 8, 8), [200], 2 * 8)),
            BernoulliLikelihood(MLP(8, [200], (1, 8, 8))),
        )
        objective = ImportanceWeightedELBO(num_particles=number)
        fit(vae, data, objective=objective, epochs=epochs, progress=False)
        report = evaluate(vae, data.test, samples=samples)
        print(
            f"K = {number:3}  ELBO {report.elbo:.2f}  log p(x) {report.log_likelihood.value:.2f} "
            f"nats (S = {samples})  active units {report.active_units['z']}"
        )
        plots.samples(vae).savefig(f"importance_weighted_{number:02}.png")


if __name__ == "__main__":
    run(main)
