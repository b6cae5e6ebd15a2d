"""Bounds of draws that follow the model's gradient, where log p(x) is known."""

import math
from itertools import pairwise

import linear_gaussian
import pyro
import pyro.distributions as dist
import pytest
import torch
import two_layers
from programs import coin_vae
from torch.nn.functional import scaled_dot_product_attention

from pyrovae import VAE
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.models import Density
from pyrovae.nn import MLP, Network
from pyrovae.objectives import (
    AnnealedELBO,
    HamiltonianELBO,
    ImportanceWeightedELBO,
    RegularizedELBO,
)
from pyrovae.objectives.leapfrog import leapfrog
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

OBJECTIVES = {
    "HamiltonianELBO": lambda **o: HamiltonianELBO(leapfrog_steps=3, inverse_temperature=1.0, **o),
    "HamiltonianELBO-tempered": lambda **o: HamiltonianELBO(
        leapfrog_steps=3, inverse_temperature=0.6, **o
    ),
    "AnnealedELBO": lambda **o: AnnealedELBO(leapfrog_steps=3, **o),
}
over_objectives = pytest.mark.parametrize("name", OBJECTIVES)


def log_weights(objective, model, guide, x, repeats):
    """Independent draws of the bound of each datum, ``(repeats, n)``."""
    many = x.repeat(repeats, *[1] * (x.dim() - 1))
    with torch.no_grad():
        traces = objective.traces(model, guide, (many,), {})
        return objective.bound(objective.log_weights(*traces).values).view(repeats, len(x))


def check_unbiased(found, evidence):
    """The mean weight is p(x), within four standard errors of all data together."""
    ratio = (found - evidence).exp().mean(1)
    assert abs(ratio.mean() - 1) < 4 * ratio.std() / len(ratio) ** 0.5
    assert ratio.std() > 0


@over_objectives
@pytest.mark.parametrize("num_particles", [1, 3])
def test_the_mean_weight_is_the_evidence(name, num_particles):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    evidence = vae.likelihood.log_evidence(x).detach()
    objective = OBJECTIVES[name](step_size=0.3, num_particles=num_particles)
    check_unbiased(log_weights(objective, vae.model, vae.guide, x, 4000), evidence)


@pytest.mark.parametrize("name", ["HamiltonianELBO-tempered", "AnnealedELBO"])
def test_the_bound_lies_between_that_of_the_guide_and_the_evidence(name):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    evidence = vae.likelihood.log_evidence(x).mean().item()
    found = log_weights(OBJECTIVES[name](step_size=0.3), vae.model, vae.guide, x, 2000).mean(1)
    plain = log_weights(ImportanceWeightedELBO(num_particles=1), vae.model, vae.guide, x, 2000)
    error = found.std() / 2000**0.5 + plain.mean(1).std() / 2000**0.5
    # Four standard errors.
    assert plain.mean() + 4 * error < found.mean() < evidence


@over_objectives
def test_several_latents_move_together(name):
    model, x = two_layers.bottom_up(), two_layers.data()
    with torch.no_grad():
        for parameter in model.parameters():  # the exact posterior would leave nothing to see
            parameter.mul_(0.98)
    objective = OBJECTIVES[name](step_size=0.1)
    found = log_weights(objective, model.model, model.guide, x, 1500)
    plain = log_weights(ImportanceWeightedELBO(num_particles=1), model.model, model.guide, x, 1500)
    # Two estimates of one p(x), each with its error.
    for a, b in zip((found - found.mean(0)).T, (plain - found.mean(0)).T, strict=True):
        error = (a.exp().var() / 1500 + b.exp().var() / 1500).sqrt()
        assert abs(a.exp().mean() - b.exp().mean()) < 4.5 * error


@over_objectives
def test_a_latent_of_an_interval_moves_within_it(name):
    """z ~ Beta(2, 3), x ~ Bernoulli(z): p(x = 1) = 2/5."""

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", dist.Beta(2.0 * torch.ones(len(x)), 3.0))
            pyro.sample("x", dist.Bernoulli(z), obs=x)

    def guide(x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Beta(2.0 * torch.ones(len(x)), 2.0))

    x = torch.tensor([1.0, 0.0])
    objective = OBJECTIVES[name](step_size=0.4)
    evidence = torch.tensor([0.4, 0.6]).log()
    check_unbiased(log_weights(objective, model, guide, x, 20000), evidence)


def test_hamiltonian_by_hand():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    step, roots = 0.2, [0.5**0.5, 1 / ((1 - 2**0.5) / 4 + 2**0.5), 1.0]

    def log_joint(z):
        return vae.prior().log_prob(z) + vae.likelihood(z).log_prob(x)

    def force(z):
        return torch.autograd.grad(log_joint(z).sum(), z, create_graph=True)[0]

    torch.manual_seed(1)
    q = vae.posterior(x)
    z0 = z = q.rsample()
    begun = torch.randn_like(z)
    momentum = begun / roots[0]
    for before, after in pairwise(roots):
        momentum = momentum + step / 2 * force(z)
        z = z + step * momentum
        momentum = (momentum + step / 2 * force(z)) * before / after
    gained = (begun.square() - momentum.square()).sum(-1) / 2
    expected = -(log_joint(z) - q.log_prob(z0) + gained).sum()
    gradients = torch.autograd.grad(expected, list(vae.parameters()))
    objective = HamiltonianELBO(step_size=step, leapfrog_steps=2, inverse_temperature=0.5)
    torch.manual_seed(1)
    loss = objective.loss_and_grads(vae.model, vae.guide, x)
    torch.testing.assert_close(loss, expected.detach())
    for parameter, gradient in zip(vae.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


@pytest.mark.parametrize("name", ["HamiltonianELBO", "AnnealedELBO"])
def test_without_a_step_it_is_the_bound_of_the_guide(name):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    losses = []
    # In so small a step draws move by less than the tolerance.
    for objective in (OBJECTIVES[name](step_size=1e-12), ImportanceWeightedELBO(num_particles=1)):
        torch.manual_seed(1)
        losses.append(objective.loss(vae.model, vae.guide, x))
    assert losses[0] == pytest.approx(losses[1], rel=1e-10)


@over_objectives
def test_a_batch_of_more_data_is_scaled_and_moves_alike(name):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data(20)
    indices = torch.tensor([3, 7, 11, 12])
    objective = OBJECTIVES[name](step_size=0.2)

    def model(x):
        with pyro.plate("data", len(x), subsample=indices, dim=-1) as i:
            z = pyro.sample("z", vae.prior())
            pyro.sample("x", vae.likelihood(z), obs=x[i])

    def guide(x):
        with pyro.plate("data", len(x), subsample=indices, dim=-1) as i:
            pyro.sample("z", vae.posterior(x[i]))

    torch.manual_seed(1)
    batch = objective.loss(vae.model, vae.guide, x[indices])
    torch.manual_seed(1)
    assert objective.loss(model, guide, x) == pytest.approx(5 * batch, rel=1e-10)


def test_a_program_without_latents_has_nothing_to_move():
    density, x = Density(NormalPrior(3)), torch.randn(4, 3)
    loss = HamiltonianELBO().loss(density.model, density.guide, x)
    assert loss == pytest.approx(-density.prior().log_prob(x).sum().item(), rel=1e-6)


def test_leapfrog_comes_back_when_the_momentum_is_turned():
    u, momentum = torch.randn(2, 5, 3).double()
    options = {"at": lambda u: u, "position": lambda u: u, "step": 0.3, "steps": 4}
    there, arrived = leapfrog(u, momentum, force=lambda u: -u.sin(), **options)
    back, _ = leapfrog(there, -arrived, force=lambda u: -u.sin(), **options)
    assert not torch.allclose(there, u, atol=0.1)
    torch.testing.assert_close(back, u)


@over_objectives
def test_what_cannot_be_moved_is_refused(name):
    with pytest.raises(ValueError, match="site 'z': Bernoulli is not reparameterised"):
        OBJECTIVES[name](step_size=0.1).loss(*coin_vae())
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()

    def point(x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Delta(torch.zeros(len(x), 2).double(), event_dim=1))

    with pytest.raises(ValueError, match="site 'z': the posterior is a point"):
        OBJECTIVES[name](step_size=0.1).loss(vae.model, point, x)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: HamiltonianELBO(leapfrog_steps=0), "leapfrog_steps: expected at least 1, got 0"),
        *(
            (lambda kind=kind, step=step: kind(step_size=step), "step_size: .* above 0, got")
            for kind in (HamiltonianELBO, AnnealedELBO)
            for step in (0.0, -1.0, math.inf, math.nan)
        ),
        (
            lambda: HamiltonianELBO(inverse_temperature=0.0),
            r"inverse_temperature: expected a number in \(0, 1\], got 0.0",
        ),
        (lambda: AnnealedELBO(damping=1.5), r"damping: expected a share in \[0, 1\], got 1.5"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


class Attending(Network):
    """Two places that attend to each other."""

    def __init__(self):
        super().__init__(2, 2)
        self.weight = torch.nn.Parameter(torch.ones(3))

    def transform(self, x):
        q, k, v = (w * x.view(-1, 1, 2, 1) for w in self.weight)
        return scaled_dot_product_attention(q, k, v).view(-1, 2)


@pytest.mark.parametrize(
    "objective",
    [
        HamiltonianELBO(leapfrog_steps=1),
        AnnealedELBO(leapfrog_steps=1),
        RegularizedELBO(gradient_weight=1.0),
    ],
    ids=lambda objective: type(objective).__name__,
)
def test_attention_is_differentiated_twice(objective):
    posterior = NormalPosterior(MLP(2, [], 4))
    vae = VAE(NormalPrior(2), posterior, NormalLikelihood(Attending(), scale=1.0))
    objective.loss_and_grads(vae.model, vae.guide, torch.ones(4, 2))
    assert vae.likelihood.network.weight.grad.all()
