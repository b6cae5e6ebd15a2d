"""The same model under three priors: only the line that makes the prior changes.

python examples/vamp_prior.py --epochs 100
"""

from collections.abc import Callable

import pyro

from pyrovae import VAE, evaluate, fit, load_data, plots
from pyrovae.cli import run
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import MixturePrior, NormalPrior, Prior, VampPrior


def main(epochs: int = 100, samples: int = 1000) -> None:
    """Trains on binarized 8x8 digits and prints the log-likelihood under each prior."""
    data = load_data("digits", binarization="dynamic")
    (x,) = data.train.take(1000)
    priors: dict[str, Callable[[NormalPosterior], Prior]] = {
        "standard normal": lambda posterior: NormalPrior(8),
        "mixture of 20": lambda posterior: MixturePrior(8, components=20),
        "VampPrior, 20": lambda posterior: VampPrior(posterior, pseudo_inputs=x, components=20),
    }
    for name, make in priors.items():
        pyro.set_rng_seed(0)
        posterior = NormalPosterior(MLP((1, 8, 8), [200], 2 * 8))
        vae = VAE(make(posterior), posterior, BernoulliLikelihood(MLP(8, [200], (1, 8, 8))))
        fit(vae, data, epochs=epochs, progress=False)
        found = evaluate(vae, data.test, samples=samples).log_likelihood
        print(
            f"{name:16}  log p(x) {found.value:.2f} nats "
            f"(S = {found.samples}, mc_se {found.mc_se:.2f}, data_se {found.data_se:.2f})"
        )
        plots.samples(vae).savefig(f"samples_{type(vae.prior).__name__}.png")


if __name__ == "__main__":
    run(main)
