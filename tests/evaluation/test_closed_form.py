"""On a linear-Gaussian model every number that evaluation estimates is known exactly."""

import math

import pytest
import torch
from linear_gaussian import closed_form, data, exact_vae, poor_vae

from pyrovae import evaluate
from pyrovae.datasets import TensorSplit
from pyrovae.evaluation import elbo, log_likelihood

X = data(20)
SPLIT = TensorSplit(X)


@pytest.mark.parametrize("make", [exact_vae, poor_vae])
def test_bound_reconstruction_and_kl(make):
    vae = make()
    reconstruction, kl = (part.mean().item() for part in closed_form(vae, X))
    # Of one draw the reconstruction has a standard deviation of up to 5.3 nats and the KL term of
    # up to 0.9 (measured): the means of 20 * 4000 draws have 0.019 and 0.003; five times that.
    for result in (elbo(vae, SPLIT, samples=4000), evaluate(vae, X, samples=4000)):
        assert result.reconstruction == pytest.approx(reconstruction, abs=0.1)
        assert result.kl == pytest.approx(kl, abs=0.016)
        assert result.elbo == pytest.approx(reconstruction - kl, abs=0.1)
        assert result.elbo == pytest.approx(result.reconstruction - result.kl, abs=1e-9)


def test_the_exact_posterior_gives_the_evidence_with_any_number_of_draws():
    vae = exact_vae()
    evidence = vae.likelihood.log_evidence(X)
    for samples in (1, 3, 50):
        result = log_likelihood(vae, SPLIT, samples=samples)
        assert result.value == pytest.approx(evidence.mean().item(), abs=1e-9)
        # The weights of one datum are all equal: nothing varies, and each draw counts. Of one draw
        # nothing is known of how it varies.
        assert result.mc_se == (None if samples == 1 else pytest.approx(0, abs=1e-6))
        assert result.ess == pytest.approx(samples, rel=1e-9)
        assert result.ess_low == pytest.approx(samples, rel=1e-9)
        assert result.samples == samples
    assert result.data_se == pytest.approx(evidence.std().item() / math.sqrt(20), abs=1e-9)
    report = evaluate(vae, X, samples=3)
    assert report.elbo == pytest.approx(evidence.mean().item(), abs=1e-9)
    assert report.log_likelihood.value == pytest.approx(evidence.mean().item(), abs=1e-9)


def test_with_the_exact_posterior_batches_do_not_matter():
    vae = exact_vae()
    results = [
        log_likelihood(vae, SPLIT, samples=7, batch_size=batch_size, rows=rows)
        for batch_size, rows in ((20, 8000), (3, 8000), (1, 1), (20, 50), (7, 30))
    ]
    for result in results[1:]:
        assert result.value == pytest.approx(results[0].value, abs=1e-9)
        assert result.data_se == pytest.approx(results[0].data_se, abs=1e-9)
        assert result.samples == 7
        assert result.ess == pytest.approx(7, rel=1e-9)


def test_a_poor_posterior_reaches_the_evidence_within_its_error():
    vae = poor_vae()
    evidence = vae.likelihood.log_evidence(X).mean().item()
    result = log_likelihood(vae, SPLIT, samples=20_000, rows=400_000)
    # Four standard errors; the bias of a logarithm of a mean, about 20 mc_se^2 / 2 for 20 data,
    # is a hundredth of that.
    assert abs(result.value - evidence) < 4 * result.mc_se
    assert 0 < result.mc_se < 0.05
    bound = elbo(vae, SPLIT, samples=100).elbo
    assert bound < evidence - 10 * result.mc_se


def test_more_samples_tighten_the_bound():
    vae = poor_vae()
    evidence = vae.likelihood.log_evidence(X).mean().item()
    few, more = (
        sum(log_likelihood(vae, SPLIT, samples=s, seed=i).value for i in range(40)) / 40
        for s in (1, 10)
    )
    assert few < more < evidence


def test_mc_se_is_the_spread_over_seeds():
    vae = poor_vae()
    results = [log_likelihood(vae, SPLIT, samples=2000, rows=80_000, seed=i) for i in range(60)]
    values = torch.tensor([result.value for result in results], dtype=torch.float64)
    told = sum(result.mc_se for result in results) / len(results)
    # 60 values give a standard deviation to within 1 / sqrt(120) = 9 % (one sigma); the delta
    # method is good to some percent at this effective sample size.
    assert 0.7 < told / values.std().item() < 1.4


@pytest.mark.parametrize("rows", [1, 50, 61, 8000])
def test_draws_are_as_many_as_asked_for_however_they_are_split(rows):
    # 7 draws of 20 data: 2 at a time leave one over, 3 at a time as well.
    vae = poor_vae()
    calls = []
    likelihood = vae.likelihood.forward
    vae.likelihood.forward = lambda z: calls.append(z.numel() // 40) or likelihood(z)
    result = log_likelihood(vae, SPLIT, samples=7, batch_size=20, rows=rows)
    assert result.samples == 7
    # Beforehand one run on two data, to see what may be observed, and one on the batch.
    check, look, *calls = calls
    assert (check, look) == (0, 1)
    # Runs of equal size: the last may draw a few too many.
    assert 7 <= sum(calls) < 7 + len(calls)
    assert max(calls) <= min(7, max(1, rows // 20))
