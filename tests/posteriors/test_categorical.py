"""One categorical latent: summed exactly, sampled, and relaxed."""

import math

import pyro
import pytest
import torch
from pyro.infer import SVI, TraceEnum_ELBO, config_enumerate

from pyrovae import VAE, fit
from pyrovae.distributions.relaxed import RelaxedOneHot
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, EnumeratedELBO
from pyrovae.posteriors import CategoricalPosterior, RelaxedCategoricalPosterior
from pyrovae.priors import CategoricalPrior, RelaxedCategoricalPrior


def make(categories=4):
    posterior = CategoricalPosterior(MLP(6, [5], categories, activation="tanh"))
    prior = CategoricalPrior(categories, learned=True)
    with torch.no_grad():
        prior.logits.normal_()
    likelihood = BernoulliLikelihood(MLP(categories, [5], 6, activation="tanh"))
    return VAE(prior, posterior, likelihood)


def exact_bound(vae, x):
    """The sum over all categories, written out."""
    logits = vae.posterior.network(x).log_softmax(-1)
    prior = vae.prior.logits.log_softmax(-1)
    each = torch.stack([vae.likelihood(one).log_prob(x) for one in torch.eye(len(prior))], dim=-1)
    return (logits.exp() * (each + prior - logits)).sum()


def gradients(vae, loss):
    vae.zero_grad()
    loss.backward()
    return {name: p.grad.clone() for name, p in vae.named_parameters()}


@pytest.mark.parametrize("how", ["pyro", "ours", "ours-2"])
def test_enumeration_is_the_exact_bound_with_its_gradient(how):
    vae = make()
    x = torch.rand(7, 6).round()
    guide = config_enumerate(vae.guide, "parallel") if how == "pyro" else vae.guide
    elbo = {
        "pyro": TraceEnum_ELBO(max_plate_nesting=1),
        "ours": EnumeratedELBO(),
        "ours-2": EnumeratedELBO(num_particles=2),
    }[how]
    loss = elbo.differentiable_loss(vae.model, guide, x)
    bound = exact_bound(vae, x)
    torch.testing.assert_close(-loss, bound)
    found, expected = gradients(vae, loss), gradients(vae, -exact_bound(vae, x))
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, msg=name)


def test_training_with_the_discrete_latent_summed_out():
    vae = make()
    x = torch.rand(40, 6).round()
    with torch.no_grad():
        before = exact_bound(vae, x).item() / len(x)
    # One step sees all data, so its loss is the exact bound before the step.
    history = fit(vae, x, objective=EnumeratedELBO(), epochs=5, batch_size=40, progress=False)
    assert history[0]["loss"] == pytest.approx(-before, rel=1e-5)
    assert history[4]["loss"] < history[0]["loss"]
    SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.01}), loss=EnumeratedELBO()).step(x)


def test_draws_give_the_exact_bound_on_average():
    vae = make()
    x = torch.rand(3, 6).round()
    n = 20_000
    found = -ELBO(num_particles=n).loss(vae.model, vae.guide, x)
    # One draw's log-weight of 3 data spreads by less than 6 nats here.
    assert abs(found - exact_bound(vae, x).item()) < 5 * 6 / math.sqrt(n)


def test_encoding_gives_the_probabilities():
    vae = make()
    x = torch.rand(5, 6)
    torch.testing.assert_close(vae.encode(x), vae.posterior.network(x).softmax(-1))
    assert vae.reconstruct(x).shape == (5, 6)


def test_prior_begins_uniform_and_its_samples_are_one_hot():
    p = CategoricalPrior(5)()
    torch.testing.assert_close(p.mean, torch.full((5,), 0.2))
    z = p.sample((100,))
    assert ((z == 0) | (z == 1)).all()
    assert (z.sum(-1) == 1).all()
    # All vectors there are: the masses add up to one.
    assert p.log_prob(torch.eye(5)).exp().sum().item() == pytest.approx(1)


def test_learned_prior_is_the_softmax_of_its_logits():
    prior = CategoricalPrior(3, learned=True)
    weights = torch.tensor([0.2, 0.5, 0.3])
    with torch.no_grad():
        prior.logits.copy_(weights.log() + 2)
    torch.testing.assert_close(prior().log_prob(torch.eye(3)).exp(), weights)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_relaxed_density_integrates_over_the_simplex(temperature):
    # Two categories: z = (s, 1 - s); in the logit of s the integrand is smooth.
    logits = torch.tensor([0.7, -0.4], dtype=torch.float64)
    p = RelaxedOneHot(torch.tensor(temperature).double(), logits=logits)
    n = 20_001
    logit = -60 + 120 * (torch.arange(n, dtype=torch.float64) + 0.5) / n
    s = logit.sigmoid()
    z = torch.stack([s, (-logit).sigmoid()], dim=-1)
    total = (p.log_prob(z).exp() * s * (-logit).sigmoid()).sum() * 120 / n
    assert total.item() == pytest.approx(1, abs=1e-4)


def test_relaxed_density_integrates_with_more_categories():
    # By draws of p weighed with a density well inside its mass; both are densities of the
    # simplex's first coordinates.
    p = RelaxedOneHot(torch.tensor(1.5).double(), logits=0.5 * torch.randn(4).double())

    n = 60_000
    z = p.sample((n,))
    r = torch.distributions.Dirichlet(torch.full((4,), 4.0).double())
    ratio = (r.log_prob(z) - p.log_prob(z)).exp()
    error = ratio.std().item() / math.sqrt(n)
    assert error < 0.03
    assert abs(ratio.mean().item() - 1) < 5 * error


@pytest.mark.parametrize("temperature", [0.2, 0.67, 2.0])
def test_largest_coordinate_of_a_relaxed_draw_is_the_categorical(temperature):
    logits = torch.tensor([0.5, 1.5, -0.3])
    n = 20_000
    z = RelaxedOneHot(torch.tensor(temperature), logits=logits).sample((n,))
    share = torch.bincount(z.argmax(-1), minlength=3) / n
    # Shares of 20,000 draws: a standard error of at most 0.0036.
    torch.testing.assert_close(share, logits.softmax(-1), rtol=0, atol=5 * 0.0036)


@pytest.mark.parametrize("spread", [1.0, 30.0])
@pytest.mark.parametrize("temperature", [0.05, 0.67])
def test_relaxed_draws_stay_inside_the_simplex(temperature, spread):
    logits = (spread * torch.randn(500, 20)).requires_grad_()
    p = RelaxedOneHot(torch.tensor(temperature), logits=logits)
    for z in (p.rsample(), p.sample()):
        assert (z > 0).all()
        assert p.log_prob(z).isfinite().all()  # with validation: the sum is one, too
    p.log_prob(p.rsample()).sum().backward()
    assert logits.grad.isfinite().all()


def test_relaxed_encoding_is_the_mean_of_draws():
    posterior = RelaxedCategoricalPosterior(MLP(6, [], 3))
    vae = VAE(RelaxedCategoricalPrior(3), posterior, BernoulliLikelihood(MLP(3, [], 6)))
    with pytest.warns(UserWarning, match="RelaxedOneHots has no mean in closed form"):
        z = vae.encode(torch.rand(5, 6))
    torch.testing.assert_close(z.sum(-1), torch.ones(5))


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (lambda: CategoricalPrior(1), "expected at least 2 categories, got 1"),
        (lambda: CategoricalPosterior(MLP(4, [], 1)), "at least 2 categories, got 1"),
        (lambda: RelaxedCategoricalPrior(1), "expected at least 2 categories, got 1"),
        (lambda: RelaxedCategoricalPrior(3, temperature=0), "temperature: .* got 0"),
        (
            lambda: RelaxedCategoricalPosterior(MLP(4, [], 3), temperature=-1.0),
            "temperature: expected a positive number from 0.01 to 100, .* got -1.0",
        ),
        (lambda: RelaxedCategoricalPosterior(MLP(4, [], 1)), "at least 2 categories, got 1"),
    ],
)
def test_wrong_arguments_are_named(make_it, message):
    with pytest.raises(ValueError, match=message):
        make_it()
