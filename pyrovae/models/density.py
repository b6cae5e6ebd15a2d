"""A density of data, without latents."""

from typing import Any

import pyro
import torch
from torch import Tensor

from pyrovae.models.base import LatentVariableModel
from pyrovae.priors.base import Prior

__all__ = ["Density"]


class Density(LatentVariableModel):
    r"""Any prior, fitted by maximum likelihood as a density of data.

    There is nothing to infer, so each bound is :math:`\log p(x)` itself; with a `TwoStagePrior`,
    whose density is estimated, it is the bound of the second model. It is the second stage of
    models that first learn codes and then their density: the data are the codes,
    ``fit(Density(prior), model.encode(x))``.

    van den Oord, Vinyals and Kavukcuoglu, 2017, Neural discrete representation learning,
    https://arxiv.org/abs/1711.00937 (a prior for the codes of a VQ-VAE); Ghosh et al., 2020, From
    variational to deterministic autoencoders, https://arxiv.org/abs/1903.12436 (a density for
    the codes of an autoencoder).

    Args:
        prior: p(x). It is trained in place: a model that contains it uses the trained prior.
    """

    def __init__(self, prior: Prior) -> None:
        super().__init__()
        self.prior = prior
        self.data_shape = prior.latent_shape

    def model(self, x: Tensor) -> Any:
        """p(x), for data ``(n, *data_shape)``."""
        with self.data_plate(x):
            return pyro.sample("x", self.prior(), obs=x)

    def guide(self, x: Tensor) -> None:
        """Does nothing: there are no latents."""

    @torch.no_grad()
    def sample(self, n: int, *given: Any, draw: bool = True) -> Any:
        """Draws data.

        Args:
            n: Number of data.
            *given: Must be empty: the density takes no other arguments.
            draw: Whether to draw; otherwise the density's mean is returned, n times.

        Returns:
            Data, ``(n, *data_shape)``.
        """
        return super().sample(n, *given, draw=draw)
