"""Layers that do not fit on one another."""

import pytest
import torch

from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import HierarchicalVAE, LadderVAE
from pyrovae.nn import MLP
from pyrovae.posteriors import (
    LowRankNormalPosterior,
    NormalPosterior,
    PlanarPosterior,
    PowerSphericalPosterior,
)
from pyrovae.priors import NormalPrior

Z = NormalPosterior(MLP(3, [], 4))  # from 3 numbers to 2
WRONG = {
    "a layer too many": (
        lambda: HierarchicalVAE(
            NormalPrior(2), [Z], BernoulliLikelihood(MLP(2, [], 3)), conditional_priors=[Z]
        ),
        "got 1 posteriors and 1 conditional priors",
    ),
    "prior": (
        lambda: two(NormalPrior(5)),
        r"z2: expected the same shape .*, got posterior \(3,\), prior \(5,\), layer below \(3,\)",
    ),
    "likelihood": (
        lambda: two(likelihood=BernoulliLikelihood(MLP(5, [], 4))),
        r"z1: expected the same shape .*, got posterior \(2,\), prior \(2,\), layer below \(5,\)",
    ),
    "data": (
        lambda: two(likelihood=BernoulliLikelihood(MLP(2, [], 5))),
        r"datum: expected the same shape .*, got posterior of z1 \(4,\), likelihood \(5,\)",
    ),
    "guide": (
        lambda: two(above=NormalPosterior(MLP(5, [], 6))),
        r"z1: expected the same shape in all parts, got its posterior \(2,\), the next one \(5,\)",
    ),
    "kind": (
        lambda: two(over=PowerSphericalPosterior(MLP(3, [], 3))),
        "z1': the posterior has a density over volumes .* and the prior one over the unit sphere",
    ),
    "density": (
        lambda: two(over=PlanarPosterior(MLP(3, [], 9), transforms=1)),
        "conditional_priors: PlanarPosterior can only evaluate the density of its own draws",
    ),
    "number of encoders": (lambda: up([MLP(4, [], 3)]), "one for each of 2 posteriors, got 1"),
    "first encoder": (
        lambda: up([MLP(5, [], 3), MLP(3, [], 3)]),
        r"datum: expected the same shape .*, got encoder of z1 \(5,\), likelihood \(4,\)",
    ),
    "second encoder": (
        lambda: up([MLP(4, [], 3), MLP(2, [], 3)]),
        r"output of the encoder of z1: expected the same shape .*, got encoder \(3,\), the next one \(2,\)",
    ),
    "an encoder's posterior": (
        lambda: up([MLP(4, [], 3), MLP(3, [], 2)]),
        r"output of the encoder of z2: expected the same shape .*, got encoder \(2,\), posterior \(3,\)",
    ),
    "no network": (
        lambda: up([MLP(4, [], 3), torch.nn.Linear(3, 3)]),
        r"encoders\[1\]: expected a pyrovae.nn.Network, got Linear",
    ),
}


def two(prior=None, *, above=None, likelihood=None, over=None):
    """Layers of 2 and 3 variables, over 4."""
    return HierarchicalVAE(
        prior or NormalPrior(3),
        [NormalPosterior(MLP(4, [], 4)), above or NormalPosterior(MLP(2, [], 6))],
        likelihood or BernoulliLikelihood(MLP(2, [], 4)),
        conditional_priors=[over or NormalPosterior(MLP(3, [], 4))],
    )


def up(encoders):
    return LadderVAE(
        NormalPrior(3),
        [NormalPosterior(MLP(3, [], 4)), NormalPosterior(MLP(3, [], 6))],
        BernoulliLikelihood(MLP(2, [], 4)),
        conditional_priors=[NormalPosterior(MLP(3, [], 4))],
        encoders=encoders,
    )


@pytest.mark.parametrize("wrong", WRONG.values(), ids=list(WRONG))
def test_parts_that_do_not_fit(wrong):
    make, said = wrong
    with pytest.raises(ValueError, match=said):
        make()


def test_ladder_refuses_a_layer_that_is_no_diagonal_normal():
    model = LadderVAE(
        NormalPrior(3),
        [LowRankNormalPosterior(MLP(4, [], 8)), NormalPosterior(MLP(4, [], 6))],
        BernoulliLikelihood(MLP(2, [], 4)),
        conditional_priors=[NormalPosterior(MLP(3, [], 4))],
        encoders=[MLP(4, [], 4), MLP(4, [], 4)],
    )
    with pytest.raises(ValueError, match="independent normals.*got LowRank"):
        model.encode(torch.rand(2, 4))
