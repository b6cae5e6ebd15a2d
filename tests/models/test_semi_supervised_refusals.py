"""Labels and parts that a semi-supervised VAE refuses."""

import pytest
import torch
from semi_supervised import LABELLED, MIXED, C, D, L, data, make

from pyrovae import fit
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import SemiSupervisedVAE
from pyrovae.nn import MLP
from pyrovae.posteriors import CategoricalPosterior, NormalPosterior
from pyrovae.priors import CategoricalPrior, NormalPrior


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (lambda v: fit(v, (data(), LABELLED + 1), progress=False), "or -1 .* got 1 to 3"),
        (lambda v: fit(v, (data(), MIXED - 1), progress=False), "got -2 to 1"),
        (lambda v: fit(v, (data(), MIXED.float()), progress=False), "got torch.float32"),
        (lambda v: v.guide(data(), MIXED[:3]), r"integers of shape \(6,\)"),
        (lambda v: v.guide(data(), MIXED + 1 + C), "or -1 where there is none"),
        (lambda v: v.sample(2, -1), "labels from 0 to 2, got -1"),
        (lambda v: v.sample(2, C), "labels from 0 to 2, got 3"),
        (lambda v: v.classify(data()[0]), r"expected data of shape \(n, 5\)"),
        (lambda v: v.decode(torch.zeros(2, L)), r"a dict with latents of .*'y', 'z'"),
    ],
)
def test_what_is_refused(query, said):
    with pytest.raises(ValueError, match=said):
        query(make())


def normal(n_in, n_out=2 * L):
    return NormalPosterior(MLP(n_in, [], n_out))


def classifier(n_in=D, n_out=C):
    return CategoricalPosterior(MLP(n_in, [], n_out))


def decoder(n_in=L + C):
    return BernoulliLikelihood(MLP(n_in, [], D))


@pytest.mark.parametrize(
    ("parts", "label_prior", "said"),
    [
        ((normal(D), normal(D + C), decoder()), None, "classifier: .* got NormalPosterior"),
        (
            (classifier(4), normal(D + C), decoder()),
            None,
            "datum: expected the same shape in all parts",
        ),
        ((classifier(), normal(D), decoder()), None, r"posterior's data: .* \(8,\), got \(5,\)"),
        ((classifier(), normal(D + C), decoder(L)), None, "likelihood's latents"),
        (
            (classifier(), normal(D + C, 2), decoder(1 + C)),
            None,
            "latent: expected the same shape in all parts",
        ),
        (
            (classifier(), normal(D + C), decoder()),
            CategoricalPrior(4),
            "label: expected the same shape",
        ),
        ((classifier(), normal(D + C), decoder()), NormalPrior(C), "has no meaning"),
    ],
)
def test_parts_that_do_not_fit(parts, label_prior, said):
    with pytest.raises(ValueError, match=said):
        SemiSupervisedVAE(NormalPrior(L), *parts, label_prior=label_prior)
