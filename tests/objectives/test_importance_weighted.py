"""The bound on probabilistic PCA, where log p(x) and p(z|x) are known."""

import math

import linear_gaussian
import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import global_latents, loss_and_gradients, masked, normal_vae
from pyro import poutine
from pyro.infer import RenyiELBO
from torch.distributions import kl_divergence

from pyrovae.objectives import ELBO, ImportanceWeightedELBO, log_weights


def bounds(objective, vae, x, repeats):
    """Independent draws of the bound of each datum, (repeats, n)."""
    many = x.repeat(repeats, 1)
    with torch.no_grad():
        p, q = objective.traces(vae.model, vae.guide, (many,), {})
        weights = log_weights(p, q, num_particles=objective.num_particles)
        return objective.bound(weights.values).view(repeats, len(x))


@pytest.mark.parametrize("num_particles", [1, 2, 10])
def test_at_the_exact_posterior_every_draw_is_the_evidence(num_particles):
    vae, x = linear_gaussian.exact_vae(), linear_gaussian.data()
    objective = ImportanceWeightedELBO(num_particles=num_particles)
    evidence = vae.likelihood.log_evidence(x)
    # Equal up to the rounding of float64.
    loss = objective.loss(vae.model, vae.guide, x)
    assert loss == pytest.approx(-evidence.sum().item(), rel=1e-10)
    draws = bounds(objective, vae, x, repeats=10)
    torch.testing.assert_close(draws, evidence.expand(10, -1), rtol=1e-10, atol=1e-10)


def test_elbo_is_the_evidence_minus_the_divergence():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    q = vae.posterior(x)
    q = dist.MultivariateNormal(q.mean, torch.diag_embed(q.variance))
    exact = vae.likelihood.log_evidence(x) - kl_divergence(q, vae.likelihood.exact_posterior(x))
    elbo = ELBO(num_particles=200)
    losses = torch.tensor([elbo.loss(vae.model, vae.guide, x) for _ in range(200)])
    error = losses.std() / 200**0.5
    # Four standard errors.
    assert abs(losses.mean() + exact.sum()).item() < 4 * error.item()
    assert error < 0.1


def test_rises_with_the_particles_to_the_evidence():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    evidence = vae.likelihood.log_evidence(x).mean().item()
    means, errors = [], []
    for k, repeats in [(1, 4000), (5, 2000), (50, 1000), (5000, 20)]:
        draws = bounds(ImportanceWeightedELBO(num_particles=k), vae, x, repeats).mean(1)
        means.append(draws.mean().item())
        errors.append(draws.std().item() / repeats**0.5)
    for i in range(3):
        # Each rise is far beyond the errors of both, except the last steps' small gaps: four.
        assert means[i + 1] - means[i] > 4 * math.hypot(errors[i], errors[i + 1])
    for mean, error in zip(means, errors, strict=True):
        assert mean < evidence + 4 * error
    # The gap at K is about var(w) / (2K E[w]^2): some hundredths at 5000.
    assert means[-1] == pytest.approx(evidence, abs=0.05)


def test_one_particle_is_the_elbo():
    model, guide, x = normal_vae()
    expected_loss, expected = loss_and_gradients(ELBO(), model, guide, x)
    objective = ImportanceWeightedELBO(num_particles=1)
    loss, gradients = loss_and_gradients(objective, model, guide, x)
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5)


def test_value_and_gradient_by_hand():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    torch.manual_seed(1)
    q = vae.posterior(x)
    z = q.rsample((5,))
    weights = vae.prior().log_prob(z) + vae.likelihood(z).log_prob(x) - q.log_prob(z)
    expected = -(weights.exp().mean(0).log()).sum()
    gradients = torch.autograd.grad(expected, list(vae.parameters()))
    torch.manual_seed(1)
    loss = ImportanceWeightedELBO(num_particles=5).loss_and_grads(vae.model, vae.guide, x)
    torch.testing.assert_close(loss, expected.detach())
    for parameter, gradient in zip(vae.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_weights_that_underflow_are_no_trouble():
    vae = linear_gaussian.exact_vae()
    x = linear_gaussian.data() + 1000
    loss = ImportanceWeightedELBO().loss(vae.model, vae.guide, x)
    evidence = vae.likelihood.log_evidence(x)
    assert evidence.max() < -10_000
    assert loss == pytest.approx(-evidence.sum().item(), rel=1e-8)


def subsampling(vae, indices):
    """The programs of a VAE in a plate that draws a batch from all data."""

    def model(x):
        with pyro.plate("data", len(x), subsample=indices, dim=-1) as i:
            z = pyro.sample("z", vae.prior())
            pyro.sample("x", vae.likelihood(z), obs=x[i])

    def guide(x):
        with pyro.plate("data", len(x), subsample=indices, dim=-1) as i:
            pyro.sample("z", vae.posterior(x[i]))

    return model, guide


def test_subsampling_scales_the_bound_and_does_not_temper_the_weights():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data(20)
    indices = torch.tensor([3, 7, 11, 12])
    objective = ImportanceWeightedELBO(num_particles=5)
    torch.manual_seed(1)
    batch = objective.loss_and_grads(vae.model, vae.guide, x[indices])
    expected = [p.grad.clone() for p in vae.parameters()]
    vae.zero_grad()
    torch.manual_seed(1)
    loss = objective.loss_and_grads(*subsampling(vae, indices), x)
    torch.testing.assert_close(loss, 20 / 4 * batch)
    for parameter, gradient in zip(vae.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, 20 / 4 * gradient)


def test_subsampled_bound_stays_below_the_evidence_where_pyros_exceeds_it():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data(20)
    indices = torch.tensor([3, 7, 11, 12])
    evidence = 20 / 4 * vae.likelihood.log_evidence(x[indices]).sum().item()
    programs = subsampling(vae, indices)
    ours = ImportanceWeightedELBO(num_particles=5)
    pyros = RenyiELBO(alpha=0.0, num_particles=50, vectorize_particles=True, max_plate_nesting=1)
    draws = torch.tensor(
        [[-elbo.loss(*programs, x) for _ in range(200)] for elbo in (ours, pyros)]
    )
    mean, error = draws.mean(1), draws.std(1) / 200**0.5
    # Both by far more than four standard errors.
    assert mean[0] < evidence - 4 * error[0]
    assert mean[1] > evidence + 4 * error[1]


COINS = torch.cartesian_prod(*[torch.tensor([0.0, 1.0]).double()] * 2)


class TwoCoins:
    """Two coins and a normal datum: four codes, so four to the K particles to enumerate."""

    def __init__(self):
        torch.manual_seed(2)
        self.logits = torch.tensor([0.4, -0.6]).double().requires_grad_()
        self.weight = torch.tensor([1.5, -1.0]).double().requires_grad_()
        self.parameters = [self.logits, self.weight]

    def model(self, x):
        with pyro.plate("data", len(x), dim=-1):
            prior = dist.Bernoulli(torch.tensor([0.3, 0.6]).double()).to_event(1)
            z = pyro.sample("z", prior)
            pyro.sample("x", dist.Normal(z @ self.weight, 0.8), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Bernoulli(logits=self.logits).to_event(1))

    def exact(self, x, num_particles):
        """The expected bound of one datum, by enumeration of all particles' codes."""
        log_q = dist.Bernoulli(logits=self.logits).to_event(1).log_prob(COINS)
        prior = dist.Bernoulli(torch.tensor([0.3, 0.6]).double()).to_event(1).log_prob(COINS)
        log_w = prior + dist.Normal(COINS @ self.weight, 0.8).log_prob(x) - log_q
        picks = torch.cartesian_prod(*[torch.arange(4)] * num_particles).view(-1, num_particles)
        bound = log_w[picks].exp().mean(1).log()
        return (log_q[picks].sum(1).exp() * bound).sum()


@pytest.mark.parametrize("num_particles", [1, 2, 3])
def test_gradient_of_draws_that_are_not_reparameterised_is_unbiased(num_particles):
    program, objective = TwoCoins(), ImportanceWeightedELBO(num_particles=num_particles)
    x = torch.tensor(0.7).double()
    exact = program.exact(x, num_particles)
    expected = torch.cat([exact.detach().view(1), *torch.autograd.grad(exact, program.parameters)])
    copies, rows = 200, []
    for _ in range(200):
        loss = objective.differentiable_loss(program.model, program.guide, x.expand(copies))
        gradient = torch.autograd.grad(loss, program.parameters)
        rows.append(-torch.cat([loss.detach().view(1), *gradient]) / copies)
    rows = torch.stack(rows)
    error = rows.std(0) / len(rows) ** 0.5
    # Four standard errors for each of five numbers: a chance of 3 in 10,000.
    assert ((rows.mean(0) - expected).abs() < 4 * error).all()
    # The score-function term matters: these gradients are not zero within the errors.
    assert (expected[1:].abs() > 10 * error[1:]).any()


def test_global_latent_is_refused_by_name():
    model, guide, x = global_latents()
    with pytest.raises(ValueError, match=r"site 'slope': it is outside the data plate \(dim -1\)"):
        ImportanceWeightedELBO().loss(model, guide, x)


@pytest.mark.parametrize("num_particles", [1, 3])
def test_masked_sites_have_no_weight(num_particles):
    """All latents of datum 1 are masked and so is datum 2's observation."""
    model, guide, x = masked()
    objective = ImportanceWeightedELBO(num_particles=num_particles)
    p, q = objective.traces(model, guide, (x,), {})
    values = log_weights(p, q, num_particles=num_particles).values
    sites = {("x", 1): p.nodes["x"], ("z", 1): p.nodes["z"], ("coin", 1): p.nodes["coin"]}
    sites |= {("z", -1): q.nodes["z"], ("coin", -1): q.nodes["coin"]}
    seen = torch.tensor([True, False, True, True])
    expected = 0
    for (name, sign), site in sites.items():
        mask = seen.flip(0) if name == "x" else seen
        expected = expected + sign * mask * site["fn"].log_prob(site["value"])
    torch.testing.assert_close(values, expected.expand(num_particles, 4))


def test_plate_within_the_datas_is_summed():
    def model(x):
        with pyro.plate("data", 4, dim=-2):
            z = pyro.sample("z", dist.Normal(torch.zeros(4, 1), 1.0))
            with pyro.plate("pixels", 3, dim=-1):
                pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", 4, dim=-2):
            pyro.sample("z", dist.Normal(0.3 * x.mean(1, keepdim=True), 1.2))

    x = torch.randn(4, 3)
    torch.manual_seed(1)
    z = poutine.trace(pyro.plate("k", 5, dim=-3)(guide)).get_trace(x).nodes["z"]["value"]
    q = dist.Normal(0.3 * x.mean(1, keepdim=True), 1.2)
    weights = dist.Normal(z, 1.0).log_prob(x).sum(-1)
    weights = weights + (dist.Normal(0.0, 1.0).log_prob(z) - q.log_prob(z)).squeeze(-1)
    torch.manual_seed(1)
    loss = ImportanceWeightedELBO(num_particles=5, max_plate_nesting=2).loss(model, guide, x)
    assert loss == pytest.approx(-weights.exp().mean(0).log().sum().item(), rel=1e-5)
