"""Your own estimator: one small class, used from Python and from the command line.

python examples/custom_objective.py
cd examples && pyrovae train --objective custom_objective.DenoisingELBO --epochs 20
"""

from collections.abc import Callable
from typing import Any

import pyro
import torch
from torch import Tensor

from pyrovae import VAE, evaluate, fit, load_data, plots
from pyrovae.cli import run
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior


class DenoisingELBO(ELBO):
    """The ELBO with a guide that sees corrupted data, while the model explains the clean ones.

    Im et al., 2017, Denoising criterion for variational auto-encoding framework,
    https://arxiv.org/abs/1511.06406.

    Args:
        noise: Share of the pixels that the guide sees as zero.
    """

    def __init__(self, *, noise: float = 0.25) -> None:
        super().__init__()
        self.noise = noise

    def traces(
        self, model: Callable[..., Any], guide: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        """Runs the guide on corrupted data, then the model on its draws."""

        def corrupted(x: Tensor, *others: Tensor) -> Any:
            return guide(x * (torch.rand_like(x) > self.noise), *others)

        return super().traces(model, corrupted, args, kwargs)


def main(epochs: int = 50) -> None:
    """Trains on the handwritten digits that come with scikit-learn."""
    pyro.set_rng_seed(0)
    data = load_data("digits", binarization="dynamic")
    posterior = NormalPosterior(MLP((1, 8, 8), [200], 2 * 8))
    vae = VAE(NormalPrior(8), posterior, BernoulliLikelihood(MLP(8, [200], (1, 8, 8))))
    fit(vae, data, objective=DenoisingELBO(), epochs=epochs)
    print(evaluate(vae, data.test))
    plots.reconstructions(vae, data.test.take(10)[0]).savefig("custom_objective.png")


if __name__ == "__main__":
    run(main)
