"""What evaluation takes as data, and which densities these have."""

import math

import pytest
import torch
from fixed_posterior import Pairs, fixed_vae
from linear_gaussian import data, exact_vae
from tiny import FEATURES, binary_data, grey_data, tiny_vae
from torch.utils.data import DataLoader, TensorDataset

from pyrovae import evaluate
from pyrovae.datasets import TensorSplit


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: (x, x),
        lambda x: TensorDataset(x, torch.arange(len(x))),
        Pairs,
        lambda x: DataLoader(Pairs(x), batch_size=100),
    ],
)
def test_sources_of_data_and_of_tuples(wrap):
    # The training data are given in the same way; labels beside x are not the model's to take.
    # With the exact posterior no draw matters, and a DataLoader's own cannot either.
    vae, x = exact_vae(), data(6)
    report = evaluate(vae, wrap(x), train=wrap(x), samples=2)
    evidence = vae.likelihood.log_evidence(x).mean().item()
    assert report.elbo == pytest.approx(evidence, abs=1e-9)
    assert report.train_elbo == pytest.approx(evidence, abs=1e-9)
    assert report.data == 6


def test_one_seed_gives_the_same_report_and_another_does_not():
    vae = tiny_vae()
    split = TensorSplit(grey_data(), binarization="dynamic")
    first, again, other = (evaluate(vae, split, samples=5, seed=s) for s in (1, 1, 2))
    assert first == again
    assert first.elbo != other.elbo
    assert first.binarization == "dynamic"


def test_the_draws_of_dynamic_binarization_are_evaluated():
    # Under a decoder that is sure of ones, a grey level of 0.5 costs 5 a variable on average.
    vae = fixed_vae(torch.zeros(FEATURES, 1))
    torch.nn.init.zeros_(vae.likelihood.network.layers[-1].weight)
    torch.nn.init.constant_(vae.likelihood.network.layers[-1].bias, 10.0)
    split = TensorSplit(torch.full((400, FEATURES), 0.5), binarization="dynamic")
    report = evaluate(vae, split, samples=1)
    ones = math.log(torch.tensor(10.0).sigmoid().item())
    # Each of 1600 bits costs 10 or about 0: the mean is 5 with an error of 5 / sqrt(1600) a
    # variable, so four variables are off by less than 4 * 0.125 * 4.
    assert report.reconstruction == pytest.approx(4 * (ones - 5.0), abs=2.0)
    assert report.is_density


@pytest.mark.parametrize(
    ("normal", "x", "expected"),
    [
        (False, binary_data(), True),
        (False, grey_data(), False),
        # One grey datum, and not in the last batch.
        (False, torch.cat([torch.full((1, FEATURES), 0.5), binary_data()]), False),
        (True, grey_data(), True),
        (True, binary_data(), True),
    ],
)
def test_grey_levels_under_a_bernoulli_are_no_density(normal, x, expected):
    report = evaluate(tiny_vae(normal=normal), x, samples=2, batch_size=5)
    assert report.is_density is expected
    words = "cross-entropy, not a log-likelihood"
    assert (words in str(report)) is not expected
