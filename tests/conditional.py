"""A small VAE of data with labels."""

import torch

from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import ConditionalVAE
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

D, L, C = 5, 2, 3
Y = torch.tensor([0, 2, 1, 1, 0, 2, 2])


def data(n=7):
    return torch.rand(n, D, generator=torch.Generator().manual_seed(1)).round()


def tanh(*arguments):
    return MLP(*arguments, activation="tanh")


def make(**options):
    return ConditionalVAE(
        NormalPrior(L),
        NormalPosterior(tanh(D + C, [4], 2 * L)),
        BernoulliLikelihood(tanh(L + C, [4], D)),
        classes=C,
        **options,
    )
