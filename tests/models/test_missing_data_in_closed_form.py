"""Missing values where all is linear and normal, so that every answer is known."""

import pyro.distributions as dist
import pytest
import torch
from missing_data import covariance, exact, linear_data, poor, weights

from pyrovae import evaluate
from pyrovae.objectives import (
    ELBO,
    AnalyticKLELBO,
    DoublyReparameterizedELBO,
    ImportanceWeightedELBO,
    RenyiELBO,
    ReweightedWakeSleep,
    StickingTheLandingELBO,
)


def log_evidence(x, mask):
    """Exact log p(x_obs) of each datum."""
    b, found = weights()[1], []
    for value, seen in zip(x, mask, strict=True):
        marginal = dist.MultivariateNormal(b[seen], covariance()[seen][:, seen])
        found.append(marginal.log_prob(value[seen]) if seen.any() else value.new_zeros(()))
    return torch.stack(found)


def conditional(x, seen):
    """Exact mean and covariance of the missing values of one datum given the others."""
    b, c = weights()[1], covariance()
    gain = c[~seen][:, seen] @ torch.linalg.inv(c[seen][:, seen])
    mean = b[~seen] + gain @ (x[seen] - b[seen])
    return mean, c[~seen][:, ~seen] - gain @ c[seen][:, ~seen]


@pytest.mark.parametrize(
    "objective",
    [
        ELBO(),
        ImportanceWeightedELBO(num_particles=3),
        RenyiELBO(num_particles=3),
        StickingTheLandingELBO(),
        DoublyReparameterizedELBO(num_particles=3),
        ReweightedWakeSleep(num_particles=3),
    ],
    ids=repr,
)
def test_at_the_exact_posterior_every_draw_is_the_evidence_of_what_was_observed(objective):
    (x, mask), model = linear_data(), exact()
    loss = objective.loss_and_grads(model.model, model.guide, x, mask)
    # Up to the rounding of float64.
    assert loss.item() == pytest.approx(-log_evidence(x, mask).sum().item(), rel=1e-9)


def test_bounds_and_estimate_of_a_poor_guide():
    (x, mask), model = linear_data(), poor()
    expected = log_evidence(x, mask).mean().item()
    report = evaluate(model, (x, mask), samples=5000)
    estimate = report.log_likelihood
    # Five errors; the bias, half the relative variance, is far below one.
    assert abs(estimate.value - expected) < 5 * estimate.mc_se
    assert estimate.mc_se < 0.02
    assert report.elbo < expected - 0.1
    analytic = -AnalyticKLELBO(num_particles=5000).loss(model.model, model.guide, x, mask)
    # The means of 5000 draws each differ by 0.03 from seed to seed: five of that.
    assert analytic / len(x) == pytest.approx(report.elbo, abs=0.15)


@pytest.mark.parametrize("make", [exact, poor])
def test_imputation_is_the_conditional_mean(make):
    (x, mask), model = linear_data(), make()
    filled = model.impute(x, mask, samples=20_000)
    for value, given, seen in zip(filled, x, mask, strict=True):
        assert torch.equal(value[seen], given[seen])
        # A latent's error is below 1 / sqrt(20,000 / 20), the weights being unequal; W's rows
        # have norms below 2. This is not quite one of these, and three of what is usual.
        mean, _ = conditional(given, seen)
        torch.testing.assert_close(value[~seen], mean, atol=0.06, rtol=0)
    assert not filled.requires_grad


def test_imputation_draws_from_the_conditional():
    (x, mask), model = linear_data(), poor()
    i = next(i for i, seen in enumerate(mask) if seen.sum() == 2)
    n = 4000
    draws = model.impute(x[[i]].expand(n, -1), mask[[i]].expand(n, -1), samples=200, draw=True)
    assert torch.equal(draws[:, mask[i]], x[i, mask[i]].expand(n, -1))
    mean, c = conditional(x[i], mask[i])
    # Four errors of 4000 draws with variance 0.36: 4 * 0.6 / sqrt(4000), 4 * 0.36 * sqrt(2 / 4000).
    torch.testing.assert_close(draws[:, ~mask[i]].mean(0), mean, atol=0.038, rtol=0)
    torch.testing.assert_close(draws[:, ~mask[i]].mT.cov(), c, atol=0.032, rtol=0)
