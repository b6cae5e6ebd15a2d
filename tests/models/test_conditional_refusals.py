"""Conditions and parts that a conditional VAE refuses."""

import pytest
import torch
from conditional import C, D, L, Y, data, make

from pyrovae import VAE, evaluate, fit
from pyrovae.datasets import TensorSplit
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import ConditionalVAE
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import CategoricalPrior, NormalPrior


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (lambda v: v.sample(2, 3), "labels from 0 to 2, got 3 to 3"),
        (lambda v: v.sample(2, -1), "labels from 0 to 2, got -1 to -1"),
        (lambda v: v.sample(2), "y: expected labels of 2 data, got 0 arguments"),
        (lambda v: v.sample(2, 1, 1), "y: expected labels of 2 data, got 2 arguments"),
        (lambda v: v.sample(2, Y), r"integers of shape \(2,\)"),
        (lambda v: v.sample(2, 1.0), "got torch.float32"),
        (lambda v: v.decode(torch.zeros(2, L)), "got 0 arguments"),
        (lambda v: v.encode(data(), Y[:3]), r"integers of shape \(7,\)"),
        (lambda v: v.encode(data()[:, :4], Y), r"expected data of shape \(n, 5\)"),
        (lambda v: v.model(data(), Y[:3]), r"integers of shape \(7,\)"),
        (lambda v: v.guide(data(), Y.float()), "got torch.float32"),
        (lambda v: fit(v, (data(), Y + 1), progress=False), "from 0 to 2, got 1 to 3"),
        (lambda v: fit(v, data(), progress=False), r"tensors \(x, y\) .* got one tensor in each"),
        (lambda v: evaluate(v, data()), r"tensors \(x, y\) .* got one tensor in each"),
        (
            lambda v: fit(
                VAE(
                    NormalPrior(L),
                    NormalPosterior(MLP(D, [], 2 * L)),
                    BernoulliLikelihood(MLP(L, [], D)),
                ),
                TensorSplit(data(), labels=Y).with_labels(),
                progress=False,
            ),
            r"tensors \(x\) .* got 2 tensors in each",
        ),
    ],
)
def test_what_is_refused(query, said):
    with pytest.raises(ValueError, match=said):
        query(make())


def test_a_label_that_slipped_through_makes_the_loss_nan():
    vae = make()
    assert torch.isnan(vae.condition(7, Y + 1)).any(1).tolist() == (Y == 2).tolist()


def parts(**changes):
    found = {
        "prior": NormalPrior(L),
        "posterior": NormalPosterior(MLP(D + C, [], 2 * L)),
        "likelihood": BernoulliLikelihood(MLP(L + C, [], D)),
        "classes": C,
    }
    return ConditionalVAE(**(found | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"classes": None},
            "exactly one of classes, condition_shape and covariates, got None, None and None",
        ),
        (
            {"condition_shape": 3},
            "exactly one of classes, condition_shape and covariates, got 3, 3 and None",
        ),
        ({"classes": 4}, r"posterior's data: expected one of \(5,\) with a condition of \(4,\)"),
        (
            {"posterior": NormalPosterior(MLP(D + 1, [], 2 * L))},
            r"posterior's data: .* \(8,\) or \(5,\), got \(6,\)",
        ),
        (
            {"likelihood": BernoulliLikelihood(MLP(L, [], D))},
            r"likelihood's latents: .* \(5,\), got \(2,\)",
        ),
        ({"prior": NormalPrior(3)}, "latent: expected the same shape in all parts"),
        ({"prior": CategoricalPrior(L)}, "has no meaning"),
        (
            {"prior": NormalPosterior(MLP(C + 1, [], 2 * L))},
            r"condition: expected the same shape in all parts, got prior \(4,\), model \(3,\)",
        ),
    ],
)
def test_parts_that_do_not_fit(changes, said):
    with pytest.raises(ValueError, match=said):
        parts(**changes)


def test_conditions_that_do_not_fit():
    vae = parts(classes=None, condition_shape=C)
    for y in (torch.randn(7, C + 1), torch.randn(6, C), torch.ones(7, C, dtype=torch.uint8)):
        for use in (vae.model, vae.guide, vae.encode, vae.check_batch):
            with pytest.raises(ValueError, match=r"y: expected conditions, floating or bool"):
                use(data(), y)
