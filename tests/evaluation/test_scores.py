"""Scores of each datum: exact on a linear-Gaussian model, and in the order of the data."""

import numpy as np
import pytest
import torch
from fixed_posterior import fixed_vae
from linear_gaussian import LATENT, closed_form, data, exact_vae, poor_vae
from odd_programs import NaNWhereOnes, ShiftedPosterior
from tiny import FEATURES, binary_data, grey_data, tiny_vae
from torch.utils.data import (
    DataLoader,
    RandomSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from pyrovae import evaluate
from pyrovae.datasets import TensorSplit
from pyrovae.evaluation import elbo, log_likelihood, score
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.models import Autoencoder
from pyrovae.nn import MLP

X = data(20)


def evidence(x=X):
    return exact_vae().likelihood.log_evidence(x).detach()


def test_the_exact_posterior_gives_the_evidence_of_each_datum():
    scores = score(exact_vae(), X, samples=3)
    torch.testing.assert_close(scores.log_likelihood, evidence(), rtol=0, atol=1e-9)
    torch.testing.assert_close(scores.elbo, evidence(), rtol=0, atol=1e-9)
    torch.testing.assert_close(scores.ess, torch.full((20,), 3.0).double())
    assert scores.mc_se.max() < 1e-6  # all weights are equal
    each = log_likelihood(exact_vae(), X, samples=3, per_datum=True)
    torch.testing.assert_close(each.value, evidence(), rtol=0, atol=1e-9)
    assert (len(each), each.samples, len(scores), scores.samples) == (20, 3, 20, 3)


def test_a_poor_posterior_gives_the_closed_forms_within_their_error():
    vae = poor_vae()
    scores = score(vae, X, samples=20_000, rows=400_000)
    reconstruction, kl = closed_form(vae, X)
    # Of one draw the reconstruction has a standard deviation of up to 5.3 nats and the KL term of
    # up to 0.9 (measured): the means of 20000 draws have 0.037 and 0.0064; six times that.
    torch.testing.assert_close(scores.reconstruction, reconstruction, rtol=0, atol=0.23)
    torch.testing.assert_close(scores.kl, kl, rtol=0, atol=0.04)
    torch.testing.assert_close(scores.elbo, scores.reconstruction - scores.kl)
    # Five standard errors, for 20 data; the bias of the logarithm is some mc_se^2 / 2.
    off = (scores.log_likelihood - evidence()).abs()
    assert (off < 5 * scores.mc_se + scores.mc_se.square()).all()
    assert (scores.log_likelihood > scores.elbo).all()


def test_the_error_of_each_datum_is_its_spread_over_seeds():
    vae, x = poor_vae(), X[:4]
    found = [
        log_likelihood(vae, x, samples=2000, rows=8000, seed=i, per_datum=True) for i in range(60)
    ]
    spread = torch.stack([each.value for each in found]).std(0)
    told = torch.stack([each.mc_se for each in found]).mean(0)
    # 60 values give a standard deviation to within 1 / sqrt(120) = 9 %: four times that.
    assert (told / spread).log().abs().max() < 0.4


def test_the_means_of_the_columns_are_the_report():
    arguments = {"samples": 50, "batch_size": 7, "rows": 100}
    vae = poor_vae()
    scores, report = score(vae, X, **arguments), evaluate(vae, X, **arguments)
    means = {name: column.mean().item() for name, column in scores.columns.items()}
    assert means["elbo"] == report.elbo
    assert means["reconstruction"] == report.reconstruction
    assert means["kl"] == pytest.approx(report.kl, abs=1e-12)
    assert means["log_likelihood"] == report.log_likelihood.value
    # From the same draws all of them.
    assert log_likelihood(vae, X, **arguments) == report.log_likelihood
    each = log_likelihood(vae, X, per_datum=True, **arguments)
    assert torch.equal(each.value, scores.log_likelihood)
    assert torch.equal(each.mc_se, scores.mc_se)
    assert each.mean() == report.log_likelihood


@pytest.mark.parametrize(("batch_size", "rows"), [(20, 8000), (3, 8000), (1, 1), (7, 30)])
def test_batches_do_not_matter(batch_size, rows):
    scores = score(exact_vae(), X, samples=7, batch_size=batch_size, rows=rows)
    torch.testing.assert_close(scores.elbo, evidence(), rtol=0, atol=1e-9)
    torch.testing.assert_close(scores.log_likelihood, evidence(), rtol=0, atol=1e-9)


SOURCES = {
    "split": TensorSplit,
    "array": lambda x: x.numpy(),
    "float32": lambda x: x.float(),
    "data set": TensorDataset,
    "loader": lambda x: DataLoader(TensorDataset(x), batch_size=6),
    "shuffling loader": lambda x: DataLoader(TensorDataset(x), batch_size=6, shuffle=True),
    "shuffling and dropping": lambda x: DataLoader(
        TensorDataset(x), batch_size=6, shuffle=True, drop_last=True
    ),
    "a sampler": lambda x: DataLoader(TensorDataset(x), batch_size=6, sampler=range(20)),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_the_order_is_that_of_the_data_whatever_their_source(source):
    scores = score(exact_vae(), source(X), samples=2)
    # Some sources are in single precision: eight digits of numbers of up to 30.
    torch.testing.assert_close(scores.log_likelihood, evidence(), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "sampler",
    [
        SubsetRandomSampler([3, 1, 2]),
        WeightedRandomSampler([1.0] * 20, 20),
        RandomSampler(range(20), replacement=True),
        RandomSampler(range(20), num_samples=10),
    ],
)
def test_data_in_no_order_are_refused(sampler):
    loader = DataLoader(TensorDataset(X), batch_size=6, sampler=sampler)
    with pytest.raises(
        ValueError, match=f"in a fixed order, got .* with a {type(sampler).__name__}"
    ):
        score(exact_vae(), loader, samples=2)
    assert log_likelihood(exact_vae(), loader, samples=2).value < 0  # of which a mean is one


def test_one_draw_has_no_error():
    scores = score(poor_vae(), X, samples=1)
    assert scores.mc_se is None
    assert "mc_se" not in scores.columns
    assert log_likelihood(poor_vae(), X, samples=1, per_datum=True).mc_se is None


def test_what_an_autoencoder_has_no_score_of_is_none_with_the_reason():
    model = Autoencoder(MLP(4, [], LATENT), NormalLikelihood(MLP(LATENT, [], 4)))
    x = grey_data(9)
    scores = score(model, x, samples=2, batch_size=4)
    direct = model.likelihood(model.encoder(x)).log_prob(x).detach().double()
    torch.testing.assert_close(scores.reconstruction, direct, rtol=1e-5, atol=1e-5)
    assert list(scores.columns) == ["reconstruction"]
    assert scores.elbo is scores.kl is scores.log_likelihood is scores.mc_se is scores.ess is None
    assert scores.undefined == "the prior of 'z' is flat, which is no density"


def test_cross_entropies_are_called_so():
    assert score(tiny_vae(), binary_data(), samples=2).is_density
    grey = TensorSplit(torch.cat([grey_data(1), binary_data(11)]))
    assert not score(tiny_vae(), grey, samples=2, batch_size=5).is_density
    dynamic = score(tiny_vae(), TensorSplit(grey_data(), binarization="dynamic"), samples=2)
    assert dynamic.is_density
    assert dynamic.binarization == "dynamic"


def test_columns_are_numbers_for_a_table():
    columns = score(tiny_vae(), binary_data(5), samples=3).columns
    table = np.stack([column.numpy() for column in columns.values()], axis=1)
    assert table.shape == (5, len(columns))
    assert table.dtype == np.float64
    assert list(columns) == ["elbo", "reconstruction", "kl", "log_likelihood", "mc_se", "ess"]


@pytest.mark.parametrize("name", ["samples", "batch_size", "rows"])
def test_numbers_have_to_be_positive(name):
    with pytest.raises(ValueError, match=f"{name}: expected at least 1, got 0"):
        score(tiny_vae(), torch.zeros(3, FEATURES), **{name: 0})


@pytest.mark.parametrize("site", ["x", "z"])
def test_nan_stands_in_its_row_and_is_told(site):
    x = torch.zeros(8, FEATURES)
    x[5:7, 0] = 1
    scores = score(NaNWhereOnes(site), x, samples=3, batch_size=4)
    assert scores.elbo.isnan().nonzero().flatten().tolist() == [5, 6]
    assert scores.warnings == ["the scores of 2 of 8 data are NaN"]
    assert score(NaNWhereOnes(site), x[:5], samples=3).warnings == []


def test_impossible_bounds_are_told():
    vae = fixed_vae(torch.eye(FEATURES)[:, :2])
    assert score(vae, binary_data(), samples=100).warnings == []
    vae.posterior = ShiftedPosterior(-1.5)
    (warning,) = score(vae, binary_data(), samples=100).warnings
    assert warning.startswith("IMPOSSIBLE BOUND: ")


def test_what_is_no_model_is_refused_in_a_sentence():
    for ask in (score, elbo):
        for given in ("run.pt", {}, None):
            with pytest.raises(ValueError, match="model: expected an object with model, guide"):
                ask(given, torch.zeros(2, 4))
