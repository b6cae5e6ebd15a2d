"""Four categorical latents of a digit, trained in three ways, each reported as the same model.

Summed over their values, drawn with a learning signal for each particle, and relaxed with a
temperature that falls; the relaxed weights are put into the discrete model for the report.
python examples/discrete_latents.py --epochs 40
"""

import pyro
import torch

from pyrovae import VAE, evaluate, fit, load_data, plots
from pyrovae.cli import run
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import CategoricalVAE
from pyrovae.nn import MLP
from pyrovae.objectives import VIMCO, EnumeratedELBO, TemperedELBO
from pyrovae.posteriors import RelaxedCategoricalPosterior
from pyrovae.priors import RelaxedCategoricalPrior
from pyrovae.training import ExponentialDecay

VARIABLES, CATEGORIES = 4, 4


def networks() -> tuple[MLP, BernoulliLikelihood]:
    """The same networks each time, with the same weights to begin with."""
    pyro.set_rng_seed(0)
    size = VARIABLES * CATEGORIES
    return MLP((1, 8, 8), [200], size), BernoulliLikelihood(MLP(size, [200], (1, 8, 8)))


def discrete(network: MLP, likelihood: BernoulliLikelihood) -> CategoricalVAE:
    """The model that is reported."""
    return CategoricalVAE(network, likelihood, variables=VARIABLES, categories=CATEGORIES)


def main(epochs: int = 40, samples: int = 500) -> None:
    """Trains on binarized 8x8 digits and prints bound and log-likelihood of each."""
    data = load_data("digits", binarization="dynamic")
    models = {}
    for name, objective in (
        ("enumerated", EnumeratedELBO()),
        ("VIMCO, K = 5", VIMCO(num_particles=5)),
    ):
        models[name] = discrete(*networks())
        fit(models[name], data, objective=objective, epochs=epochs, progress=False)

    network, likelihood = networks()
    prior = RelaxedCategoricalPrior(VARIABLES * CATEGORIES, variables=VARIABLES, learned=True)
    posterior = RelaxedCategoricalPosterior(network, variables=VARIABLES, temperature=0.5)
    relaxed = VAE(prior, posterior, likelihood)
    falling = TemperedELBO(ExponentialDecay(epochs / 2, start=2.0))
    fit(relaxed, data, objective=falling, epochs=epochs, progress=False)
    models["relaxed"] = discrete(network, likelihood)
    with torch.no_grad():
        models["relaxed"].logits.copy_(prior.logits.view(VARIABLES, CATEGORIES))

    for name, model in models.items():
        report = evaluate(model, data.test, samples=samples)
        found = report.log_likelihood
        print(
            f"{name:13} ELBO {report.elbo:.2f}  log p(x) {found.value:.2f} nats "
            f"(S = {found.samples}, mc_se {found.mc_se:.2f}, data_se {found.data_se:.2f})"
        )
        plots.samples(model).savefig(f"discrete_latents_{name.split(',')[0]}.png")


if __name__ == "__main__":
    run(main)
