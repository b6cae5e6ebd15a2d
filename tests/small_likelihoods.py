"""Likelihoods with small decoders, and VAEs around them."""

import torch
from torch.nn.functional import softplus

from pyrovae import VAE
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

DATA = torch.Size([2, 3, 2])


def decoder(cls, shape=DATA, **options):
    return MLP(2, [4], cls.network_shape(shape, **options))


def made(cls, shape=DATA, **options):
    return cls(decoder(cls, shape, **options), **options)


def positive(raw):
    return softplus(raw) + 1e-6


def summed(each):
    return each.flatten(1).sum(1)


def vae_of(cls, features=4, **options):
    posterior = NormalPosterior(MLP(features, [3], 4))
    return VAE(NormalPrior(2), posterior, made(cls, torch.Size([features]), **options))
