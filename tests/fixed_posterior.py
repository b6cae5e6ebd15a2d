"""A VAE whose posterior a test chooses, and data sets that give pairs."""

import pyro.distributions as dist
from tiny import FEATURES
from torch import Size
from torch.utils.data import Dataset

from pyrovae import VAE
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors.base import Posterior
from pyrovae.priors import NormalPrior


class Pairs(Dataset):
    def __init__(self, x):
        self.x = x

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], i % 3


class FixedPosterior(Posterior):
    """q(z|x) = N(x A, 1) for a matrix A that a test chooses, (features, latents)."""

    def __init__(self, matrix, scale=1.0):
        super().__init__()
        self.register_buffer("matrix", matrix)
        self.latent_shape = Size([matrix.shape[1]])
        self.scale = scale

    def forward(self, x):
        return dist.Normal(x @ self.matrix, self.scale).to_event(1)

    @classmethod
    def network_shape(cls, latent_features, **options):
        raise NotImplementedError


def fixed_vae(matrix, scale=1.0):
    """A VAE of `FEATURES` binary variables with that posterior."""
    n = matrix.shape[1]
    decoder = MLP(n, [], FEATURES)
    return VAE(NormalPrior(n), FixedPosterior(matrix, scale), BernoulliLikelihood(decoder))
