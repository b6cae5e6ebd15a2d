"""The variational autoencoder."""

from typing import Any

import pyro
from torch import Tensor

from pyrovae.checks import check_agreement
from pyrovae.latents import check_kinds
from pyrovae.likelihoods.base import Likelihood
from pyrovae.models.base import LatentVariableModel
from pyrovae.posteriors.base import Posterior
from pyrovae.priors.base import Prior

__all__ = ["VAE"]


class VAE(LatentVariableModel):
    r"""The variational autoencoder: a model p(z) p(x|z) and a guide q(z|x), as Pyro programs.

    The sites are ``"z"`` and ``"x"``. Train it with ``pyro.infer.SVI`` and any objective of Pyro
    or this library, or with `pyrovae.fit`.

    Kingma and Welling, 2014, Auto-encoding variational Bayes, https://arxiv.org/abs/1312.6114.

    Args:
        prior: p(z).
        posterior: q(z|x).
        likelihood: p(x|z).

    Raises:
        ValueError: If an argument is not a prior, posterior or likelihood, two of them declare
            different shapes of the latent or of the data, or prior and posterior are over
            different kinds of space.
    """

    def __init__(self, prior: Prior, posterior: Posterior, likelihood: Likelihood) -> None:
        super().__init__()
        parts = {"prior": prior, "posterior": posterior, "likelihood": likelihood}
        check_agreement("latent", {k: part.latent_shape for k, part in parts.items()})
        check_agreement(
            "datum", {"posterior": posterior.data_shape, "likelihood": likelihood.data_shape}
        )
        check_kinds(
            f"{type(posterior).__name__} under {type(prior).__name__}",
            posterior.latent_kind,
            prior.latent_kind,
        )
        # Posterior first, so that parameters shared with a prior are named after the posterior.
        self.posterior = posterior
        self.prior = prior
        self.likelihood = likelihood
        self.latent_shape = posterior.latent_shape or prior.latent_shape
        self.data_shape = posterior.data_shape or likelihood.data_shape

    def model(self, x: Tensor) -> Any:
        """p(z) p(x|z), for data ``(n, *data_shape)``."""
        with self.data_plate(x):
            z = pyro.sample("z", self.prior())
            return pyro.sample("x", self.likelihood(z), obs=x)

    def guide(self, x: Tensor) -> Any:
        """q(z|x), for data ``(n, *data_shape)``."""
        with self.data_plate(x):
            return pyro.sample("z", self.posterior(x))
