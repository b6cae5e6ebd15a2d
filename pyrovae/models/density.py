"""A density of data, without latents."""

from typing import Any

import pyro
import torch
from torch import Tensor

from pyrovae.models.base import LatentVariableModel
from pyrovae.priors.base import Prior

__all__ = ["Density"]


class Density(LatentVariableModel):
    r"""Any prior, fitted to what it is to be the density of: maximum likelihood.

    There is nothing to infer, so each bound is :math:`\log p(x)` itself; with a `TwoStagePrior`, whose
    density is estimated, it is the bound of the second model. The second stage of
    models whose codes are learned before their density is: the data are the codes,
    ``fit(Density(prior), model.encode(x))``.

    van den Oord, Vinyals and Kavukcuoglu, 2017, Neural discrete representation learning,
    https://arxiv.org/abs/1711.00937 (a prior for the codes of a VQ-VAE); Ghosh et al., 2020, From
    variational to deterministic autoencoders, https://arxiv.org/abs/1903.12436 (a density for
    the codes of an autoencoder).

    Args:
        prior: p(x). It is trained where it stands: a model it is part of has it trained.
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
        """Nothing: there are no latents."""

    @torch.no_grad()
    def sample(self, n: int, *given: Any, draw: bool = True) -> Any:
        """Draws data.

        Args:
            n: Number of data.
            *given: Nothing: the density is of the data alone.
            draw: Whether to draw; the density's mean, n times, is given otherwise.

        Returns:
            Data, ``(n, *data_shape)``.
        """
        return super().sample(n, *given, draw=draw)
