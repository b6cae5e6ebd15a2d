"""Weights of draws, their sums, and what is undefined of one draw or one datum."""

import math

import pytest
import torch
from linear_gaussian import data, exact_vae, poor_vae

from pyrovae import evaluate
from pyrovae.evaluation import inference_gap, log_likelihood
from pyrovae.evaluation.importance import ImportanceSampling
from pyrovae.evaluation.log_likelihood import PointwiseLogLikelihood


def test_the_effective_sample_size_and_the_error_by_hand():
    log_weights = torch.tensor([[0.0, 1.0], [math.log(3.0), 1.0], [math.log(2.0), 1.0]])
    estimate = ImportanceSampling(2)
    estimate.add(log_weights[:1])
    estimate.add(log_weights[1:])
    # Weights 1, 3, 2: mean 2, ess 36 / 14, variance of the mean (1 + 1) / 2 / 3, over 2^2.
    torch.testing.assert_close(estimate.log_mean, torch.tensor([math.log(2), 1.0]).double())
    torch.testing.assert_close(estimate.ess, torch.tensor([36 / 14, 3.0]).double())
    torch.testing.assert_close(estimate.variance, torch.tensor([1 / 12, 0.0]).double())
    each = PointwiseLogLikelihood(
        estimate.log_mean,
        estimate.variance.sqrt(),
        estimate.ess,
        samples=3,
        pareto_k=torch.full((2,), math.nan),
        growth=torch.zeros(2),
    )
    result = each.mean()
    assert result.value == pytest.approx((math.log(2) + 1) / 2)
    assert result.mc_se == pytest.approx(math.sqrt(1 / 12) / 2)
    assert result.data_se == pytest.approx((1 - math.log(2)) / math.sqrt(2) / math.sqrt(2))


def test_weights_far_out_of_the_range_of_numbers():
    estimate = ImportanceSampling(2)
    estimate.add(torch.tensor([[-5000.0, 5000.0], [-5000.0, 5000.0]]))
    estimate.add(torch.tensor([[-5000.0, 5000.0]]))
    torch.testing.assert_close(estimate.log_mean, torch.tensor([-5000.0, 5000.0]).double())
    torch.testing.assert_close(estimate.ess, torch.tensor([3.0, 3.0]).double())


@pytest.mark.parametrize(("n", "samples"), [(1, 1), (1, 5), (4, 1), (4, 5)])
def test_one_datum_has_no_data_se_and_one_draw_no_mc_se(n, samples):
    vae, x = poor_vae(), data(n)
    found = log_likelihood(vae, x, samples=samples)
    report = evaluate(vae, x, samples=samples)
    gap = inference_gap(vae, x, samples=samples, steps=2)
    for errors in (found, report.log_likelihood, gap.elbo, gap.total, gap.log_likelihood):
        assert (errors.mc_se is None) is (samples == 1)
        assert (errors.data_se is None) is (n == 1)
    for text in (str(report), str(gap)):
        assert ("mc_se undefined" in text) is (samples == 1)
        assert ("data_se undefined" in text) is (n == 1)
    # Of one draw the effective sample size is one, whatever it weighs.
    assert samples > 1 or found.ess == found.ess_low == pytest.approx(1)


def test_one_draw_of_the_exact_posterior_is_exact_all_the_same():
    x = data(1)
    found = log_likelihood(exact_vae(), x, samples=1)
    expected = exact_vae().likelihood.log_evidence(x).item()
    assert found.value == pytest.approx(expected, abs=1e-9)
