"""A small semi-supervised VAE, and data of which some, all or none are labelled."""

import torch

from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import SemiSupervisedVAE
from pyrovae.nn import MLP
from pyrovae.posteriors import CategoricalPosterior, NormalPosterior
from pyrovae.priors import NormalPrior

D, L, C = 5, 2, 3
LABELLED = torch.tensor([0, 2, 1, 1, 0, 2])
MIXED = torch.tensor([0, -1, 1, -1, -1, 2])


def tanh(*arguments):
    return MLP(*arguments, activation="tanh")


def data(n=6):
    return torch.rand(n, D, generator=torch.Generator().manual_seed(1)).round()


def make(prior=None, posterior=None):
    return SemiSupervisedVAE(
        prior or NormalPrior(L),
        CategoricalPosterior(tanh(D, [4], C)),
        posterior or NormalPosterior(tanh(D + C, [4], 2 * L)),
        BernoulliLikelihood(tanh(L + C, [4], D)),
    )
