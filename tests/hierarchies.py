"""Small deep hierarchies: of maps, of maps with bottlenecks or with heads at each place, and of vectors."""

import torch
from registry import DATA

from pyrovae.hierarchy import DeepHierarchicalVAE, DenseHierarchicalVAE
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP, ResidualDecoder


def images(n=6):
    return torch.rand(n, *DATA, generator=torch.Generator().manual_seed(1)).round()


def small(posteriors="relative", **options):
    path = (4, *DATA[1:])
    likelihood = BernoulliLikelihood(ResidualDecoder(path, DATA, channels=(4,)))
    return DeepHierarchicalVAE(
        likelihood,
        channels=(4, 6),
        layers=(2, 2),
        latent_features=2,
        posteriors=posteriors,
        **options,
    )


def narrow(posteriors="relative"):
    return small(posteriors, bottleneck=2, weight_norm="weight", checkpointing=True)


def at_places(posteriors="relative"):
    return small(posteriors, heads="places")


def dense(posteriors="relative"):
    return DenseHierarchicalVAE(
        MLP(DATA, [], 5),
        BernoulliLikelihood(MLP(5, [], DATA)),
        path_features=5,
        layers=4,
        hidden=[6],
        posteriors=posteriors,
    )


MAKERS = [small, narrow, at_places, dense]
