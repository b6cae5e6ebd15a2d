"""Small models and data that the tests of training, evaluation and checkpoints share."""

import torch

from pyrovae import VAE
from pyrovae.likelihoods import BernoulliLikelihood, NormalLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior, VampPrior

FEATURES = 4


def binary_data(n=12, *, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 2, (n, FEATURES), generator=generator).float()


def grey_data(n=12, *, seed=0):
    return torch.rand(n, FEATURES, generator=torch.Generator().manual_seed(seed))


def tiny_vae(seed=0, *, vamp=False, normal=False, hidden=(3,), **options):
    """A VAE of 4 variables and 2 latents; options go to the encoder's network."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        posterior = NormalPosterior(MLP(FEATURES, list(hidden), 4, **options))
        prior = NormalPrior(2)
        if vamp:
            prior = VampPrior(posterior, pseudo_inputs=grey_data(7), components=3)
        likelihood = NormalLikelihood if normal else BernoulliLikelihood
        return VAE(prior, posterior, likelihood(MLP(2, [], FEATURES)))


def state(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(a, b):
    """Whether two states are the same bit for bit, NaN included."""
    return a.keys() == b.keys() and all(
        torch.equal(torch.nan_to_num(a[k], nan=1e30), torch.nan_to_num(b[k], nan=1e30)) for k in a
    )
