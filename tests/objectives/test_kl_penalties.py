"""Capacity and free bits, by hand."""

import linear_gaussian
import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import coin_vae, loss_and_gradients, mixture_vae, normal_vae
from pyro import poutine
from pyro.poutine.mask_messenger import MaskMessenger
from torch.distributions import kl_divergence

from pyrovae import VAE, fit
from pyrovae.handlers import WeighData
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, AnalyticKLELBO, BetaELBO, CapacityELBO, FreeBitsELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior
from pyrovae.training import LinearWarmup


def parts(vae, x, num_particles=1):
    """Reconstruction and KL of each feature, means over the batch, with their graph."""
    torch.manual_seed(1)
    q = vae.posterior(x)
    z = q.rsample((num_particles,))
    kl = kl_divergence(q.base_dist, dist.Normal(torch.zeros(2).double(), 1.0))
    return vae.likelihood(z).log_prob(x).mean(), kl.mean(0)


def check(objective, vae, x, expected):
    """The loss is minus the size of the batch times what is expected, and so the gradient."""
    gradients = torch.autograd.grad(-len(x) * expected, list(vae.parameters()))
    vae.zero_grad()
    torch.manual_seed(1)
    loss = objective.loss_and_grads(vae.model, vae.guide, x)
    assert loss.item() == pytest.approx(-len(x) * expected.item(), rel=1e-10)
    for parameter, gradient in zip(vae.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


@pytest.mark.parametrize("num_particles", [1, 3])
@pytest.mark.parametrize("capacity", [0.0, 0.02, 5.0])
def test_capacity(capacity, num_particles):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    reconstruction, kl = parts(vae, x, num_particles)
    assert 0.02 < kl.sum() < 5.0
    objective = CapacityELBO(capacity=capacity, gamma=7.0, num_particles=num_particles)
    check(objective, vae, x, reconstruction - 7.0 * (kl.sum() - capacity).abs())


def test_capacity_may_be_set_while_training_goes_on():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    objective = CapacityELBO(capacity=0.0, gamma=2.0)
    objective.capacity = torch.tensor(3.0).double()
    reconstruction, kl = parts(vae, x)
    check(objective, vae, x, reconstruction - 2.0 * (kl.sum() - 3.0).abs())


@pytest.mark.parametrize("beta", [0.01, 3.0])
def test_a_weight_stands_within_the_penalty(beta):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    reconstruction, kl = parts(vae, x)
    free, capacity = FreeBitsELBO(free_nats=0.1), CapacityELBO(capacity=0.1, gamma=7.0)
    assert 0.01 * kl.sum() < 0.1 < 3.0 * kl.sum()
    check(BetaELBO(beta, elbo=free), vae, x, reconstruction - (beta * kl.sum()).clamp(min=0.1))
    reconstruction, kl = parts(vae, x)
    expected = reconstruction - 7.0 * (beta * kl.sum() - 0.1).abs()
    check(BetaELBO(beta, elbo=capacity), vae, x, expected)


@pytest.mark.parametrize("objective", [FreeBitsELBO(free_nats=0.1), CapacityELBO(gamma=1.0)])
def test_masked_data_have_no_part_in_the_mean(objective):
    """Twice the data, half of them masked, are the data alone."""
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    with torch.no_grad():
        vae.likelihood.weight.zero_().requires_grad_(False)  # whatever is drawn
    seen = torch.arange(2 * len(x)) < len(x)
    masked = [poutine.mask(program, mask=seen) for program in (vae.model, vae.guide)]
    found = loss_and_gradients(objective, *masked, torch.cat([x, x + 1]))
    expected = loss_and_gradients(objective, vae.model, vae.guide, x)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    "objective",
    [FreeBitsELBO(free_nats=0.1), FreeBitsELBO(per="feature"), CapacityELBO(gamma=1.0)],
)
@pytest.mark.parametrize("by", ["mask", "weights"])
def test_a_batch_of_which_nothing_counts_has_no_loss(objective, by):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    none = torch.zeros(len(x))
    handler = MaskMessenger(none.bool()) if by == "mask" else WeighData(none.double())
    programs = [handler(program) for program in (vae.model, vae.guide)]
    loss, gradients = loss_and_gradients(objective, *programs, x)
    assert loss == 0
    assert all((gradient == 0).all() for gradient in gradients.values())


def test_capacity_is_reached():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data(64)
    objective = CapacityELBO(capacity=0.0, gamma=100.0)

    def anneal(row):
        objective.capacity = min(1.5, 0.1 * row["epoch"])

    fit(
        vae,
        x,
        objective=objective,
        epochs=150,
        batch_size=64,
        optimizer=lambda p: torch.optim.Adam(p, lr=0.01),
        progress=False,
        on_epoch=anneal,
    )
    _, kl = parts(vae, x)
    # The steps of 0.01 go to and fro across the corner.
    assert kl.sum().item() == pytest.approx(1.5, abs=0.1)


@pytest.mark.parametrize("num_particles", [1, 3])
@pytest.mark.parametrize("floor", [0.0, 0.1, 5.0])
@pytest.mark.parametrize("per", ["feature", "site"])
def test_free_bits(per, floor, num_particles):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    with torch.no_grad():
        # One feature below a floor of 0.1, one above.
        vae.posterior.weight[0] *= 6
    reconstruction, kl = parts(vae, x, num_particles)
    assert kl.min() < 0.1 < kl.max() < 5.0
    kl = kl if per == "feature" else kl.sum()
    objective = FreeBitsELBO(free_nats=floor, per=per, num_particles=num_particles)
    check(objective, vae, x, reconstruction - kl.clamp(min=floor).sum())


def hierarchy():
    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            z2 = pyro.sample("z2", dist.Normal(torch.zeros(len(x)), 1.0))
            z1 = pyro.sample("z1", dist.Normal(z2, 0.9))
            pyro.sample("x", dist.Normal(z1, 0.5), obs=x)

    def guide(x):
        a, s = pyro.param("a", torch.tensor(0.9)), pyro.param("s", torch.tensor(0.3))
        with pyro.plate("data", len(x), dim=-1):
            z1 = pyro.sample("z1", dist.Normal(a * x, s))
            pyro.sample("z2", dist.Normal(0.5 * z1, 0.7))

    return model, guide, torch.tensor([0.3, -1.2, 2.0, 0.9])


@pytest.mark.parametrize("per", ["feature", "site"])
def test_each_site_has_its_floor_and_a_bottom_up_guide_is_sampled(per):
    model, guide, x = hierarchy()
    torch.manual_seed(1)
    q = poutine.trace(guide).get_trace(x)
    p = poutine.trace(poutine.replay(model, q)).get_trace(x)
    q.compute_log_prob(), p.compute_log_prob()
    kl1 = (q.nodes["z1"]["log_prob"] - p.nodes["z1"]["log_prob"]).mean()
    kl2 = kl_divergence(q.nodes["z2"]["fn"], dist.Normal(0.0, 1.0)).mean()
    assert kl2 < kl1
    floor = (kl1 + kl2).item() / 2
    expected = -4 * (p.nodes["x"]["log_prob"].mean() - kl1 - floor)
    torch.manual_seed(1)
    loss = FreeBitsELBO(free_nats=floor, per=per).loss(model, guide, x)
    assert loss == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("make", [normal_vae, coin_vae])
def test_without_a_floor_free_bits_is_the_elbo_in_closed_form(make):
    model, guide, x = make()
    expected_loss, expected = loss_and_gradients(AnalyticKLELBO(), model, guide, x)
    for per in ("feature", "site"):
        objective = FreeBitsELBO(free_nats=0.0, per=per)
        loss, gradients = loss_and_gradients(objective, model, guide, x)
        assert loss == pytest.approx(expected_loss, rel=1e-5)
        for name, gradient in gradients.items():
            torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5)


def test_terms_sampled_by_feature_have_the_gradients_of_those_sampled_whole():
    for floor in (0.0, 10.0):
        pyro.clear_param_store()
        model, guide, x = hierarchy()
        _, expected = loss_and_gradients(FreeBitsELBO(free_nats=floor), model, guide, x)
        objective = FreeBitsELBO(free_nats=floor, per="feature")
        _, got = loss_and_gradients(objective, model, guide, x)
        if floor == 0:
            _, expected = loss_and_gradients(AnalyticKLELBO(), model, guide, x)
        for name in ("a", "s"):
            torch.testing.assert_close(got[name], expected[name])


def test_without_a_closed_form_the_kl_is_sampled():
    model, guide, x = mixture_vae()
    losses = []
    for capacity in (0.0, 1000.0):
        torch.manual_seed(3)
        losses.append(CapacityELBO(capacity=capacity, gamma=1.0).loss(model, guide, x))
    torch.manual_seed(3)
    # Above the capacity it is the ELBO; below, the KL counts the other way.
    assert losses[0] == pytest.approx(ELBO().loss(model, guide, x), rel=1e-5)
    assert losses[1] > losses[0]


@pytest.mark.parametrize(
    "objective",
    [
        CapacityELBO(capacity=0.02, gamma=3.0),
        FreeBitsELBO(free_nats=0.05),
        FreeBitsELBO(free_nats=0.05, per="feature"),
    ],
)
def test_subsampling_leaves_the_mean_alone(objective):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data(20)
    indices = torch.tensor([3, 7, 11, 12])

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
    assert objective.loss(model, guide, x) == pytest.approx(20 / 4 * batch, rel=1e-10)


def test_gradient_of_discrete_latents_above_the_floor_is_the_elbos():
    model, guide, x = coin_vae()
    _, expected = loss_and_gradients(AnalyticKLELBO(), model, guide, x)
    _, doubled = loss_and_gradients(CapacityELBO(capacity=0.0, gamma=1.0), model, guide, x)
    for name, gradient in doubled.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: CapacityELBO(capacity=-1.0),
            "capacity: expected a weight of at least 0, got -1.0",
        ),
        (lambda: CapacityELBO(gamma=float("nan")), "gamma: expected a weight of at least 0"),
        (
            lambda: FreeBitsELBO(free_nats=-0.1),
            "free_nats: expected a weight of at least 0, got -0.1",
        ),
        (lambda: FreeBitsELBO(per="pixel"), "per: expected 'feature' or 'site', got 'pixel'"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_fit_anneals_the_capacity():
    posterior = NormalPosterior(MLP(6, [], 4))
    vae = VAE(NormalPrior(2), posterior, BernoulliLikelihood(MLP(2, [], 6)))
    objective = CapacityELBO(capacity=LinearWarmup(4, end=8.0))
    assert (objective.capacity, objective.settled) == (0, 4)
    seen = []
    x = torch.rand(20, 6)
    wrapped = BetaELBO(1.0, elbo=objective)  # a schedule within moves on, too
    fit(
        vae,
        x,
        objective=wrapped,
        epochs=5,
        batch_size=10,
        progress=False,
        on_epoch=lambda row: seen.append(float(objective.capacity)),
    )
    # The second and last batch of an epoch begins at its half.
    assert seen == [1.0, 3.0, 5.0, 7.0, 8.0]
