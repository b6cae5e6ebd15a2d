"""The deterministic autoencoder, the baseline of the variational ones."""

from typing import Any

import pyro
import pyro.distributions as dist
from torch import Tensor

from pyrovae.checks import check_agreement
from pyrovae.distributions import Flat
from pyrovae.latents import Undefined
from pyrovae.likelihoods.base import Likelihood
from pyrovae.models.base import LatentVariableModel
from pyrovae.nn.network import Network

__all__ = ["Autoencoder"]


class Autoencoder(LatentVariableModel):
    r"""A deterministic autoencoder: one code for each datum, and no prior.

    .. math:: p(z) \propto 1, \qquad q(z \mid x) = \delta(z - f(x))

    The objective `ELBO` is then :math:`\log p(x \mid f(x))`, minus the reconstruction error. It is
    not a bound, because a flat prior is not a density and a point mass has no KL divergence from
    it. Reports give the reconstruction error and call the rest undefined. `sample` has no
    distribution to draw codes from until a density is fitted to them (`Density`).

    Hinton and Salakhutdinov, 2006, Reducing the dimensionality of data with neural networks,
    https://doi.org/10.1126/science.1127647.

    Args:
        encoder: Maps a datum to its code :math:`f(x)`.
        likelihood: p(x|z).

    Raises:
        ValueError: If the encoder does not declare its shapes, or they differ from the
            likelihood's.
    """

    def __init__(self, encoder: Network, likelihood: Likelihood) -> None:
        super().__init__()
        latents = {"encoder": encoder.out_shape, "likelihood": likelihood.latent_shape}
        data = {"encoder": encoder.in_shape, "likelihood": likelihood.data_shape}
        check_agreement("latent", latents)
        check_agreement("datum", data)
        self.encoder = encoder
        self.likelihood = likelihood
        self.latent_shape = encoder.out_shape
        self.data_shape = encoder.in_shape

    def model(self, x: Tensor) -> Any:
        """p(z) p(x|z) with a flat p(z), for data ``(n, *data_shape)``."""
        with self.data_plate(x):
            z = pyro.sample("z", Flat(dist.constraints.real_vector, (), self.encoder.out_shape))
            return pyro.sample("x", self.likelihood(z), obs=x)

    def guide(self, x: Tensor) -> Any:
        """Delta distributions at the codes, for data ``(n, *data_shape)``."""
        with self.data_plate(x):
            z = self.encoder(x)
            return pyro.sample("z", dist.Delta(z, event_dim=z.dim() - 1))

    def sample(self, n: int, *given: Any, draw: bool = False) -> Any:
        """Raises an error: there is no prior to draw codes from.

        Raises:
            Undefined: Always. It is a ValueError that says how to get a density of the codes.
        """
        raise Undefined(
            "sample: an autoencoder has no prior to draw codes from; fit a density to its codes, "
            "fit(density, model.encode(x)) with density = pyrovae.models.Density(prior), and "
            "decode its samples, model.decode(density.sample(n)).mean; or train a VAE"
        )

    def _only_latent(self, *_: Any) -> str:
        # The base class would run the model to find out, which a flat prior does not allow.
        return "z"
