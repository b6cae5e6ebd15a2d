"""Estimators for discrete latents, against sums over all their values."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import TraceEnum_ELBO, config_enumerate

from pyrovae.objectives import (
    ELBO,
    VIMCO,
    ImportanceWeightedELBO,
    ReweightedWakeSleep,
    ThermodynamicELBO,
)

CODES = torch.arange(3)
X = torch.tensor(0.7).double()


class Category:
    """Three categories and a normal datum; everything is a sum of three terms."""

    def __init__(self):
        self.prior = torch.tensor([0.2, -0.4, 0.5]).double().requires_grad_()
        self.means = torch.tensor([-1.0, 0.4, 2.0]).double().requires_grad_()
        self.logits = torch.tensor([0.4, -0.6, 0.1]).double().requires_grad_()
        self.parameters = [self.prior, self.means, self.logits]

    def model(self, x):
        with pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", dist.Categorical(logits=self.prior))
            pyro.sample("x", dist.Normal(self.means[z], 0.8), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Categorical(logits=self.logits))

    @property
    def log_q(self):
        return self.logits.log_softmax(0)

    @property
    def log_p(self):
        """log p(x, z) for each z."""
        return self.prior.log_softmax(0) + dist.Normal(self.means, 0.8).log_prob(X)

    def bound(self, num_particles):
        """The expected importance-weighted bound, over all draws of the particles."""
        picks = torch.cartesian_prod(*[CODES] * num_particles).view(-1, num_particles)
        log_w = (self.log_p - self.log_q)[picks]
        return (self.log_q[picks].sum(1).exp() * log_w.exp().mean(1).log()).sum()

    def gradient(self, value):
        found = torch.autograd.grad(value, self.parameters, allow_unused=True)
        return torch.cat([torch.zeros(3).double() if g is None else g for g in found])


def estimates(objective, program, copies, repeats):
    """Independent estimates of one datum's gradient, (repeats, 9)."""
    rows = []
    for _ in range(repeats):
        loss = objective.differentiable_loss(program.model, program.guide, X.expand(copies))
        gradient = torch.autograd.grad(-loss / copies, program.parameters)
        rows.append(torch.cat(gradient))
    return torch.stack(rows)


def agree(rows, expected, slack=0.0):
    error = rows.std(0) / len(rows) ** 0.5
    # Of fifty rows each of nine means is farther off in 4 of 10,000 trials, of more in fewer.
    assert ((rows.mean(0) - expected).abs() < 4.5 * error + slack).all()
    # The errors are small beside what is estimated.
    assert (expected.abs() > 10 * (error + slack)).sum() >= 3


@pytest.mark.parametrize("num_particles", [2, 3])
@pytest.mark.parametrize("cls", [VIMCO, ImportanceWeightedELBO])
def test_gradient_of_the_bound_is_unbiased(cls, num_particles):
    program = Category()
    rows = estimates(cls(num_particles=num_particles), program, 800, 50)
    agree(rows, program.gradient(program.bound(num_particles)))


def test_vimco_varies_less():
    program = Category()
    variances = [
        estimates(cls(num_particles=5), program, 20, 200)[:, 6:].var(0).sum()
        for cls in (VIMCO, ImportanceWeightedELBO)
    ]
    assert variances[0] < variances[1] / 3


def test_vimcos_signal_by_hand():
    weights = torch.randn(4, 1).double()
    bound = weights.exp().mean(0).log()
    signals = VIMCO(num_particles=4).learning_signals(weights, bound)
    for k in range(4):
        others = torch.cat([weights[:k], weights[k + 1 :]])
        without = ((others.exp().sum() + others.mean().exp()) / 4).log()
        torch.testing.assert_close(signals[k, 0], bound[0] - without)


def test_vimco_keeps_the_gradient_through_reparameterised_draws():
    """A category and a normal that depends on it: unbiased for both, by the score alone."""
    program, shift = Category(), torch.tensor([0.3, -0.2, 0.5]).double().requires_grad_()

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", dist.Categorical(logits=program.prior))
            u = pyro.sample("u", dist.Normal(program.means[z], 1.0))
            pyro.sample("x", dist.Normal(u, 0.8), obs=x)

    def guide(x):
        with pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", dist.Categorical(logits=program.logits))
            pyro.sample("u", dist.Normal(shift[z], 0.7))

    rows = []
    for cls in (VIMCO, ImportanceWeightedELBO):
        found = []
        for _ in range(50):
            loss = cls(num_particles=3).differentiable_loss(model, guide, X.expand(800))
            gradient = torch.autograd.grad(-loss / 800, [program.logits, shift])
            found.append(torch.cat(gradient))
        rows.append(torch.stack(found))
    error = (rows[0].var(0) + rows[1].var(0)).sqrt() / 50**0.5
    # Four and a half standard errors for each of six numbers.
    assert ((rows[0] - rows[1]).mean(0).abs() < 4.5 * error).all()
    assert (rows[0].mean(0)[3:].abs() > 10 * error[3:]).any()


# The weights' error is of the order of 1 / K; its factor here is below 10.
MANY = 2000
SLACK = 10 / MANY


def test_wake_sleep_follows_the_evidence_and_the_posterior():
    program = Category()
    rows = estimates(ReweightedWakeSleep(num_particles=MANY), program, 20, 100)
    evidence = program.log_p.logsumexp(0)
    posterior = (program.log_p - evidence).exp().detach()
    expected = program.gradient(evidence + (posterior * program.log_q).sum())
    agree(rows, expected, SLACK)


@pytest.mark.parametrize("num_particles", [2, 3])
def test_wake_sleep_with_few_particles(num_particles):
    """The expectation of the weighted scores, over all draws of the particles."""
    program = Category()
    picks = torch.cartesian_prod(*[CODES] * num_particles)
    log_q, log_p = program.log_q, program.log_p
    weights = (log_p - log_q).detach()[picks].softmax(1)
    chance = log_q.detach()[picks].sum(1, keepdim=True).exp()
    expected = program.gradient((chance * weights * (log_p + log_q)[picks]).sum())
    rows = estimates(ReweightedWakeSleep(num_particles=num_particles), program, 800, 50)
    agree(rows, expected)


@pytest.mark.parametrize("partitions", [1, 3])
def test_thermodynamic_gradient(partitions):
    program = Category()
    objective = ThermodynamicELBO(num_particles=MANY, partitions=partitions)
    betas = [0.0] if partitions == 1 else [0.0, 0.025, 0.025**0.5]
    exact = 0.0
    for left, right in zip(betas, [*betas[1:], 1.0], strict=True):
        path = (left * program.log_p + (1 - left) * program.log_q).softmax(0)
        exact = exact + (right - left) * (path * (program.log_p - program.log_q)).sum()
    rows = estimates(objective, program, 20, 100)
    agree(rows, program.gradient(exact), SLACK)


def test_thermodynamic_gradient_of_few_particles():
    # One interval is the ELBO, and its gradient is unbiased however few the draws.
    program = Category()
    rows = estimates(ThermodynamicELBO(num_particles=2, partitions=1), program, 800, 50)
    agree(rows, program.gradient(program.bound(1)))


def test_enumeration_is_the_elbo_and_ours_agrees():
    program = Category()
    exact = program.bound(1)
    loss = TraceEnum_ELBO(max_plate_nesting=1).differentiable_loss(
        program.model, config_enumerate(program.guide), X.expand(1)
    )
    torch.testing.assert_close(-loss, exact)
    expected = program.gradient(exact)
    torch.testing.assert_close(torch.cat(torch.autograd.grad(-loss, program.parameters)), expected)
    agree(estimates(ELBO(), program, 800, 50), expected)
