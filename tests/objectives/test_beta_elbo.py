import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import PROGRAMS, coin_vae, loss_and_gradients, normal_vae
from pyro import poutine
from pyro.infer import Trace_ELBO, TraceEnum_ELBO, config_enumerate
from torch.distributions import kl_divergence

from pyrovae.objectives import ELBO, AnalyticKLELBO, BetaELBO, ImportanceWeightedELBO

BETAS = [0.0, 0.3, 4.0]


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_weight_of_one_is_the_elbo(name):
    model, guide, x = PROGRAMS[name]()
    expected_loss, expected = loss_and_gradients(ELBO(), model, guide, x)
    loss, gradients = loss_and_gradients(BetaELBO(1.0), model, guide, x)
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    for parameter, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[parameter])


def traces(model, guide, x, seed):
    torch.manual_seed(seed)
    guide_trace = poutine.trace(guide).get_trace(x)
    model_trace = poutine.trace(poutine.replay(model, guide_trace)).get_trace(x)
    return model_trace, guide_trace


def log_prob(site):
    return site["fn"].log_prob(site["value"]).sum()


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("elbo", [None, Trace_ELBO()])
@pytest.mark.parametrize("make", [normal_vae, coin_vae])
def test_value_by_hand(make, elbo, beta):
    model, guide, x = make()
    p, q = traces(model, guide, x, seed=4)
    kl = log_prob(q.nodes["z"]) - log_prob(p.nodes["z"])
    expected = -(log_prob(p.nodes["x"]) - beta * kl).item()
    torch.manual_seed(4)
    assert BetaELBO(beta, elbo=elbo).loss(model, guide, x) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("beta", BETAS)
def test_gradient_by_hand(beta):
    model, guide, x = normal_vae()
    _, gradients = loss_and_gradients(BetaELBO(beta), model, guide, x, seed=4)
    p, q = traces(model, guide, x, seed=4)
    kl = log_prob(q.nodes["z"]) - log_prob(p.nodes["z"])
    (beta * kl - log_prob(p.nodes["x"])).backward()
    for trace in (p, q):
        for name, site in trace.nodes.items():
            # A weight of zero leaves the prior with a gradient of zero.
            if site["type"] == "param" and site["value"].grad is not None:
                torch.testing.assert_close(gradients[name], site["value"].grad)


@pytest.mark.parametrize("beta", BETAS)
def test_with_the_closed_form(beta):
    model, guide, x = normal_vae()
    p, q = traces(model, guide, x, seed=4)
    kl = kl_divergence(q.nodes["z"]["fn"], p.nodes["z"]["fn"]).sum()
    expected = -(log_prob(p.nodes["x"]) - beta * kl).item()
    torch.manual_seed(4)
    objective = BetaELBO(beta, elbo=AnalyticKLELBO())
    assert objective.loss(model, guide, x) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("beta", BETAS)
def test_with_enumeration(beta):
    """A coin for each datum, summed out in the guide: the bound is exact, no draws."""
    x = torch.tensor([0.5, -1.0, 2.0])

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", dist.Bernoulli(0.3))
            pyro.sample("x", dist.Normal(2 * z, 1.0), obs=x)

    @config_enumerate
    def guide(x):
        slope = pyro.param("slope", torch.tensor(0.8))
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Bernoulli(logits=slope * x))

    slope = torch.tensor(0.8, requires_grad=True)
    q = torch.sigmoid(slope * x)
    heads, tails = dist.Normal(2.0, 1.0).log_prob(x), dist.Normal(0.0, 1.0).log_prob(x)
    kl = q * (q / 0.3).log() + (1 - q) * ((1 - q) / 0.7).log()
    expected = -(q * heads + (1 - q) * tails - beta * kl).sum()
    expected.backward()
    objective = BetaELBO(beta, elbo=TraceEnum_ELBO(max_plate_nesting=1))
    loss, gradients = loss_and_gradients(objective, model, guide, x)
    assert loss == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(gradients["slope"], slope.grad)


def test_with_the_importance_weighted_bound():
    """log mean exp of the weighed log-weights, as ``ScaleLatents`` says."""
    model, guide, x = normal_vae()
    torch.manual_seed(4)
    particles = pyro.plate("particles", 5, dim=-2)
    q = poutine.trace(particles(guide)).get_trace(x)
    p = poutine.trace(poutine.replay(particles(model), q)).get_trace(x)
    log_probs = [
        t.nodes[s]["fn"].log_prob(t.nodes[s]["value"]) for t, s in [(p, "x"), (p, "z"), (q, "z")]
    ]
    weights = log_probs[0] + 0.3 * (log_probs[1] - log_probs[2])
    expected = -(weights.exp().mean(0).log()).sum().item()
    torch.manual_seed(4)
    objective = BetaELBO(0.3, elbo=ImportanceWeightedELBO(num_particles=5))
    assert objective.loss(model, guide, x) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("beta", [-0.1, float("nan")])
def test_weight_below_zero_is_refused(beta):
    with pytest.raises(ValueError, match="beta: expected a weight of at least 0, got"):
        BetaELBO(beta)


def test_a_weight_without_end_is_refused():
    with pytest.raises(ValueError, match="beta: expected a finite weight, got inf"):
        BetaELBO(float("inf"))


def test_particles_are_those_of_the_estimator():
    assert BetaELBO(elbo=ELBO(num_particles=7)).num_particles == 7
    assert "beta=2.0, elbo=ELBO(num_particles=7)" in repr(
        BetaELBO(2.0, elbo=ELBO(num_particles=7))
    )
