"""What a report says of latents and codes is by the weights of the data."""

import math

import pytest
import torch
from fixed_posterior import fixed_vae
from tiny import FEATURES

from pyrovae import VAE, evaluate
from pyrovae.likelihoods import BernoulliLikelihood, NormalLikelihood
from pyrovae.models import MissingDataVAE, Weighted
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior, VectorQuantizedPosterior
from pyrovae.priors import CategoricalCodePrior, NormalPrior


def vae():
    torch.manual_seed(0)
    likelihood = NormalLikelihood(MLP(3, [4], 5, activation="tanh"))
    return VAE(NormalPrior(3), NormalPosterior(MLP(5, [4], 6, activation="tanh")), likelihood)


def data(n):
    return torch.randn(n, 5, generator=torch.Generator().manual_seed(1))


def test_whole_weights_are_repeated_rows_in_a_report():
    """Also in batches none of whose data count."""
    plain, x = vae(), data(12)
    x[:3] += 100  # what these are must not matter
    w = torch.tensor([0.0] * 3 + [1.0, 2.0, 3.0] * 3)
    rows = x.repeat_interleave(w.long(), 0)
    found = evaluate(Weighted(plain), (x, w), samples=2, batch_size=3)
    expected = evaluate(plain, rows, samples=2)
    assert found.active_units == expected.active_units
    assert found.variables["z"].active == expected.variables["z"].active
    assert found.variables["z"].variance == pytest.approx(
        expected.variables["z"].variance, rel=1e-5
    )
    # A mean by weights 0 and 1 is one over data, and so is its error.
    first = torch.arange(12) > 4
    found = evaluate(Weighted(plain), (x, first.float()), samples=2).variables["z"]
    expected = evaluate(plain, x[first], samples=2).variables["z"]
    assert found.data_se == pytest.approx(expected.data_se, rel=1e-4)
    # Of one datum that counts there is no variance, and no error.
    one = evaluate(Weighted(plain), (x, (torch.arange(12) == 5).float()), samples=2, batch_size=4)
    assert one.active_units == {}
    assert (one.variables["z"].variance, one.variables["z"].data_se) == (None, None)


def test_a_latent_collapses_for_the_data_that_count():
    """Of N(x A, 1) data of 0 have the prior itself, and a KL of 0."""
    model = Weighted(fixed_vae(torch.eye(FEATURES)))
    counts = torch.arange(40) < 30
    x = (~counts).float()[:, None].expand(-1, FEATURES).contiguous()
    # One datum alone shows nothing.
    for weight, collapsed in ((counts, True), (~counts, False), (torch.arange(40) == 0, False)):
        said = evaluate(model, (x, weight.float()), samples=2).warnings
        assert any("has collapsed" in one for one in said) is collapsed


def test_bits_are_of_the_values_that_count():
    """Data with many values may weigh more than those with few."""
    torch.manual_seed(0)
    likelihood = BernoulliLikelihood(MLP(3, [4], 5))
    model = MissingDataVAE(NormalPrior(3), NormalPosterior(MLP(10, [4], 6)), likelihood)
    mask = torch.ones(8, 5, dtype=torch.bool)
    mask[:4, 1:] = False
    w = torch.tensor([1.0] * 4 + [0.5] * 3 + [0.0])
    report = evaluate(Weighted(model), (data(8).sign().relu(), mask, w), samples=4, batch_size=3)
    values = (4 * 1 + 1.5 * 5) / 5.5  # of a datum, on average
    bits = -report.log_likelihood.value / (values * math.log(2))
    assert report.bits_per_dim == pytest.approx(bits, rel=1e-6)


def test_codes_are_counted_by_weight():
    torch.manual_seed(0)
    posterior = VectorQuantizedPosterior(MLP(5, [4], 6), codes=4, code_features=2)
    plain = VAE(CategoricalCodePrior(posterior), posterior, NormalLikelihood(MLP(6, [4], 5)))
    x, w = 3 * data(8), torch.tensor([0.0, 2.0] * 4)
    (found,) = evaluate(Weighted(plain), (x, w), samples=2, batch_size=3).codebooks.values()
    (expected,) = evaluate(plain, x[1::2], samples=2).codebooks.values()
    assert (found.codes, found.dead) == (expected.codes, expected.dead)
    assert found.perplexity == pytest.approx(expected.perplexity)
    (every,) = evaluate(plain, x, samples=2).codebooks.values()
    assert every.perplexity != pytest.approx(found.perplexity, rel=1e-3)
