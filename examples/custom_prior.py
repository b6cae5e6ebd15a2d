"""Your own prior: one small class, used from Python and from the command line.

python examples/custom_prior.py
cd examples && pyrovae train --prior custom_prior.StudentPrior --prior.df 5 --epochs 20
"""

import pyro
import pyro.distributions as dist
import torch

from pyrovae import VAE, evaluate, fit, load_data, plots
from pyrovae.cli import run
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import Prior


class StudentPrior(Prior):
    """Independent Student t variables: a prior with heavy tails.

    Args:
        latent_features: Number of latent variables.
        df: Degrees of freedom.
    """

    def __init__(self, latent_features: int, *, df: float = 3.0) -> None:
        super().__init__()
        self.latent_shape = torch.Size([latent_features])
        self.register_buffer("df", torch.full((latent_features,), df))

    def forward(self) -> dist.TorchDistribution:
        """Returns p(z)."""
        return dist.StudentT(self.df).to_event(1)


def main(epochs: int = 50) -> None:
    """Trains on the handwritten digits that come with scikit-learn."""
    pyro.set_rng_seed(0)
    data = load_data("digits")
    posterior = NormalPosterior(MLP((1, 8, 8), [200], 2 * 8))
    vae = VAE(StudentPrior(8, df=5.0), posterior, BernoulliLikelihood(MLP(8, [200], (1, 8, 8))))
    fit(vae, data, epochs=epochs)
    print(evaluate(vae, data.test))
    plots.samples(vae).savefig("custom_prior.png")


if __name__ == "__main__":
    run(main)
