"""A variational autoencoder with several categorical latents, each in its own site."""

from math import prod
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Size, Tensor, nn

from pyrovae.checks import check_agreement
from pyrovae.likelihoods.base import Likelihood
from pyrovae.models.base import LatentVariableModel
from pyrovae.nn.network import Network, as_size

__all__ = ["CategoricalVAE"]


class CategoricalVAE(LatentVariableModel):
    r"""Independent categorical latents in separate sites, which can be enumerated together.

    .. math:: p(x, z_1, \dots, z_L) = p(x \mid z_1, \dots, z_L) \prod_{l=1}^{L} p(z_l), \qquad
        q(z \mid x) = \prod_{l=1}^{L} q(z_l \mid x)

    Each :math:`z_l` is a one-hot vector of :math:`C` numbers in its own site, ``"z1"`` to
    ``"zL"``, because Pyro cannot enumerate several categorical variables in one site.
    `EnumeratedELBO` sums over all :math:`C^L` values exactly. If there are too many, `VIMCO`,
    `ReweightedWakeSleep` or `ELBO` draw them. The probabilities :math:`p(z_l)` are learned.

    Kingma, Rezende, Mohamed and Welling, 2014, https://arxiv.org/abs/1406.5298 (enumeration);
    Mnih and Rezende, 2016, https://arxiv.org/abs/1602.06725 (drawn latents of this kind).

    Args:
        network: Maps a datum to the logits, with ``out_shape (variables * categories,)``.
        likelihood: p(x|z), given the concatenated latents, ``(variables * categories,)``.
        variables: Number of latents :math:`L`.
        categories: Number of values :math:`C` of each latent.

    Raises:
        ValueError: If the declared shapes of the network or the likelihood do not fit.
    """

    def __init__(
        self, network: Network, likelihood: Likelihood, *, variables: int, categories: int
    ) -> None:
        super().__init__()
        size = prod(as_size([variables, categories], "variables, categories"))
        if tuple(network.out_shape) != (size,):
            raise ValueError(
                f"network: expected an out_shape of variables * categories, ({size},), "
                f"got {tuple(network.out_shape)}"
            )
        if likelihood.latent_shape is not None and tuple(likelihood.latent_shape) != (size,):
            raise ValueError(
                f"likelihood: expected latents of shape ({size},), variables * categories, "
                f"got {tuple(likelihood.latent_shape)}"
            )
        check_agreement(
            "datum", {"network": network.in_shape, "likelihood": likelihood.data_shape}
        )
        self.data_shape = network.in_shape
        self.network = network
        self.likelihood = likelihood
        self.logits = nn.Parameter(torch.zeros(variables, categories))

    @classmethod
    def encoder_shape(
        cls, latent_shape: Size, *, variables: int = 1, categories: int = 1, **options: Any
    ) -> Size:
        """One logit for each category of each variable."""
        shape = as_size([variables, categories], "variables, categories")
        if tuple(latent_shape) != (prod(shape),):
            raise ValueError(
                f"expected variables * categories latents, --latent_features {prod(shape)}, got "
                f"{', '.join(map(str, latent_shape))}"
            )
        return latent_shape

    def model(self, x: Tensor) -> Any:
        """p(z1) ... p(zL) p(x|z), for data ``(n, *data_shape)``."""
        with self.data_plate(x):
            latents = [
                pyro.sample(f"z{i}", dist.OneHotCategorical(logits=logits))
                for i, logits in enumerate(self.logits, 1)
            ]
            # Each enumerated latent has its own dimension.
            z = torch.cat(torch.broadcast_tensors(*latents), dim=-1)
            return pyro.sample("x", self.likelihood(z), obs=x)

    def guide(self, x: Tensor) -> Any:
        """q(z1|x) ... q(zL|x), for data ``(n, *data_shape)``."""
        with self.data_plate(x):
            for i, logits in enumerate(self.network(x).chunk(len(self.logits), dim=-1), 1):
                pyro.sample(f"z{i}", dist.OneHotCategorical(logits=logits))
