"""Relaxed categorical latents: several of them, and a temperature that falls."""

import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from tiny import binary_data
from torch.fx.experimental.proxy_tensor import make_fx

from pyrovae import VAE, evaluate, fit
from pyrovae.distributions import RelaxedOneHot, RelaxedOneHots
from pyrovae.latents import latent_kind
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import CategoricalVAE
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, ImportanceWeightedELBO, TemperedELBO
from pyrovae.posteriors import RelaxedCategoricalPosterior
from pyrovae.priors import RelaxedCategoricalPrior
from pyrovae.scope import without_validation
from pyrovae.training import ExponentialDecay, LinearWarmup

D, V, C = 4, 3, 2
pytestmark = pytest.mark.filterwarnings("ignore:site 'z'. RelaxedOneHots has no mean")


def make(**options):
    return VAE(
        RelaxedCategoricalPrior(V * C, variables=V, learned=True),
        RelaxedCategoricalPosterior(MLP(D, [], V * C), variables=V, **options),
        BernoulliLikelihood(MLP(V * C, [], D)),
    )


def test_variables_side_by_side_are_independent():
    logits, temperature = torch.randn(5, V * C), torch.tensor(0.4)
    together = RelaxedOneHots(temperature, logits, V)
    z = together.rsample((2,))
    assert z.shape == (2, 5, V * C)
    torch.testing.assert_close(z.unflatten(-1, (V, C)).sum(-1), torch.ones(2, 5, V))
    one_by_one = [
        RelaxedOneHot(temperature, logits=logits[:, C * i : C * i + C]).log_prob(
            z[..., C * i : C * i + C]
        )
        for i in range(V)
    ]
    torch.testing.assert_close(together.log_prob(z), sum(one_by_one))
    assert latent_kind(together) == "simplex"
    assert together.support.check(z).all()
    expanded = RelaxedOneHots(temperature, logits[0], V).expand([3])
    assert expanded.rsample().shape == (3, V * C)


def test_density_of_a_pair_is_that_of_the_logistic():
    # Of two categories, logit z_1 is logistic with scale 1 / temperature.
    temperature, logits = torch.tensor(0.7), torch.tensor([0.3, -0.2])
    z = torch.tensor([0.2, 0.8])
    u = z[0].logit()
    standard = temperature * u - (logits[0] - logits[1])
    logistic = standard - 2 * torch.nn.functional.softplus(standard) + temperature.log()
    expected = logistic - (z[0] * z[1]).log()
    torch.testing.assert_close(RelaxedOneHots(temperature, logits, 1).log_prob(z), expected)


def test_bounds_agree_with_importance_sampling():
    vae, x = make(), binary_data(20)
    report = evaluate(vae, x, samples=2000)
    assert report.elbo < report.log_likelihood.value
    tight = -ImportanceWeightedELBO(num_particles=2000).loss(vae.model, vae.guide, x) / 20
    error = 5 * report.log_likelihood.mc_se
    assert tight == pytest.approx(report.log_likelihood.value, abs=error)
    assert vae.sample(3).shape == (3, D)


@pytest.mark.parametrize("cls", [RelaxedCategoricalPrior, RelaxedCategoricalPosterior])
@pytest.mark.parametrize("variables", [0, 4, 6])
def test_variables_that_do_not_divide(cls, variables):
    given = V * C if cls is RelaxedCategoricalPrior else MLP(D, [], V * C)
    with pytest.raises(ValueError, match="variables: expected a divisor of latent_features=6"):
        cls(given, variables=variables)


def temperature_of(program, x):
    return poutine.trace(program).get_trace(x).nodes["z"]["fn"].temperature.item()


def test_the_guide_alone_is_tempered():
    vae, x = make(temperature=0.5), binary_data(3)
    objective = TemperedELBO(LinearWarmup(4, start=3, end=1))
    seen = []
    for epoch in (0, 2, 4, 9):
        objective.advance(epoch)
        model, guide = objective.programs(vae.model, vae.guide)
        seen.append(temperature_of(guide, x))
        assert temperature_of(model, x) == vae.prior.temperature.item()
    assert seen == pytest.approx([1.5, 1.0, 0.5, 0.5])
    assert objective.settled == 4
    # What is in the model stays as it was.
    assert vae.posterior.temperature.item() == 0.5


def test_a_traced_step_reads_the_factor_of_the_moment():
    vae, x = make(), binary_data(6)
    objective = TemperedELBO(LinearWarmup(10, start=4, end=1))
    tensors = {**dict(vae.named_parameters()), **dict(vae.named_buffers())}

    def step(tensors, x):
        with without_validation(), torch.nn.utils.stateless._reparametrize_module(vae, tensors):
            return objective.differentiable_loss(vae.model, vae.guide, x)

    run = make_fx(step)(tensors, x)
    for epoch in (0, 5, 10):
        objective.advance(epoch)
        torch.manual_seed(1)
        found = run(tensors, x)
        torch.manual_seed(1)
        torch.testing.assert_close(found, step(tensors, x))


def test_at_a_factor_of_one_it_is_the_elbo():
    vae, x = make(), binary_data(6)
    objective = TemperedELBO(LinearWarmup(1, start=1, end=1), elbo=ELBO(num_particles=2))
    torch.manual_seed(1)
    found = objective.loss(vae.model, vae.guide, x)
    torch.manual_seed(1)
    assert found == pytest.approx(ELBO(num_particles=2).loss(vae.model, vae.guide, x))


def test_fit_moves_the_temperature_on():
    vae, x = make(), binary_data(20)
    objective = TemperedELBO(ExponentialDecay(2, start=8.0))
    assert objective.factor.item() == 8
    factors = []
    look = lambda row: factors.append(objective.factor.item())
    fit(vae, x, objective=objective, epochs=4, batch_size=10, progress=False, on_epoch=look)
    # Two steps an epoch: the second of epoch 1 is at 0.5 of 2 epochs.
    assert factors == pytest.approx([8 ** (1 - 0.25), 8 ** (1 - 0.75), 1, 1])


def test_decay_in_closed_form():
    decay = ExponentialDecay(10, start=4.0, end=0.25)
    assert [decay(e) for e in (0, 5, 10, 50)] == pytest.approx([4, 1, 0.25, 0.25])
    with pytest.raises(ValueError, match="expected positive numbers"):
        ExponentialDecay(10, end=0.0)
    with pytest.raises(ValueError, match="expected a positive factor, got 0"):
        TemperedELBO(LinearWarmup(5))


def test_weights_trained_relaxed_serve_the_discrete_model():
    relaxed, x = make(temperature=0.1), binary_data(5)
    likelihood, network = relaxed.likelihood, relaxed.posterior.network
    discrete = CategoricalVAE(network, likelihood, variables=V, categories=C)
    discrete.logits.data = relaxed.prior.logits.detach().view(V, C)
    probabilities = torch.cat(list(discrete.encode(x).values()), -1)
    # At a low temperature the largest number is 1 as often as the category is drawn.
    draws = relaxed.posterior(x).sample((4000,)).unflatten(-1, (V, C)).argmax(-1)
    shares = torch.nn.functional.one_hot(draws, C).float().mean(0).flatten(1)
    # 4000 draws: standard errors below 0.008.
    torch.testing.assert_close(shares, probabilities, atol=0.04, rtol=0)
    assert isinstance(discrete.decode(discrete.encode(x)), dist.Independent)


@pytest.mark.parametrize("temperature", [0.01, 0.05, 0.1, 0.5])
def test_bounds_of_sure_encoders_are_possible(temperature):
    # Logits far apart: most coordinates of a draw are far below the smallest number there is.
    prior = RelaxedCategoricalPrior(20, variables=2, temperature=temperature)
    posterior = RelaxedCategoricalPosterior(MLP(D, [], 20), variables=2, temperature=temperature)
    with torch.no_grad():
        for parameter in posterior.parameters():
            parameter.mul_(30)
    vae = VAE(prior, posterior, BernoulliLikelihood(MLP(20, [], D)))
    x = binary_data(40)
    # Binary data have probabilities: none is above one, nor any mean of a bound of its logarithm,
    # which 200 draws of a datum estimate within a tenth of a nat.
    report = evaluate(vae, x, samples=200)
    assert report.elbo < 0.1
    assert report.log_likelihood.value < 0.1
    assert report.kl > 0
    # The divergence of two of one temperature does not depend on it: it is that of the logits
    # with their noise. Where all is moderate it is known by the simplex's own formula.
    with torch.no_grad():
        q = RelaxedOneHots(torch.tensor(1.0).double(), posterior.network(x).double(), 2)
        p = RelaxedOneHots(torch.tensor(1.0).double(), torch.zeros(20).double(), 2)
        z = q.sample((4000,))
        expected = (q.log_prob(z) - p.log_prob(z)).mean().item()
    assert report.kl == pytest.approx(expected, rel=0.02, abs=0.05)
    loss = ELBO().differentiable_loss(vae.model, vae.guide, x)
    loss.backward()
    assert all(p.grad.isfinite().all() for p in vae.parameters())


@pytest.mark.parametrize("temperature", [0.0, 0.009, 101.0, float("nan")])
@pytest.mark.parametrize("cls", [RelaxedCategoricalPrior, RelaxedCategoricalPosterior])
def test_temperatures_out_of_reach_are_refused(cls, temperature):
    given = V * C if cls is RelaxedCategoricalPrior else MLP(D, [], V * C)
    with pytest.raises(ValueError, match="temperature: expected a positive number from 0.01"):
        cls(given, temperature=temperature)
