"""Small deep hierarchies: of maps, of maps with bottlenecks, and of vectors."""

import torch
from registry import DATA

from pyrovae.hierarchy import dense_hierarchy, residual_hierarchy
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import ResidualNormalBlock
from pyrovae.nn import MLP, ResidualDecoder


def images(n=6):
    return torch.rand(n, *DATA, generator=torch.Generator().manual_seed(1)).round()


def small(kind=ResidualNormalBlock, **options):
    path = (4, *DATA[1:])
    likelihood = BernoulliLikelihood(ResidualDecoder(path, DATA, channels=(4,)))
    return residual_hierarchy(
        likelihood, channels=(4, 6), layers=(2, 2), latent_channels=2, block=kind, **options
    )


def narrow(kind=ResidualNormalBlock):
    return small(kind, bottleneck=2, weight_norm="weight", checkpointing=True)


def dense(kind=ResidualNormalBlock):
    return dense_hierarchy(
        MLP(DATA, [], 5), BernoulliLikelihood(MLP(3, [], DATA)), layers=4, hidden=[6], block=kind
    )


MAKERS = [small, narrow, dense]
