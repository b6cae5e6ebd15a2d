"""Weights of data: they multiply each datum's bound, and means are by weight."""

import math

import pyro
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO
from registry import OBJECTIVES

from pyrovae import VAE, evaluate, fit, load, save, score
from pyrovae.datasets import TensorSplit
from pyrovae.evaluation import (
    annealed_log_likelihood,
    bidirectional,
    elbo,
    inference_gap,
    kl_decomposition,
    latent_variables,
    log_likelihood,
)
from pyrovae.evaluation.estimates import weighed
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.models import Weighted
from pyrovae.nn import MLP
from pyrovae.objectives import (
    DIPELBO,
    ELBO,
    MMDELBO,
    AnalyticKLELBO,
    BetaELBO,
    FreeBitsELBO,
    ImportanceWeightedELBO,
    TotalCorrelationELBO,
)
from pyrovae.posteriors import CategoricalPosterior, NormalPosterior
from pyrovae.priors import CategoricalPrior, NormalPrior

W = torch.tensor([2.0, 0.0, 0.5, 1.5])
AGGREGATE = {"TotalCorrelationELBO", "DIPELBO", "MMDELBO", "SlicedWassersteinELBO"}
OF_CODES = {"VectorQuantizedELBO", "EntropyQuantizedELBO"}
# A function of the mean KL of a batch is no sum over its data.
OF_MEANS = {"CapacityELBO", "FreeBitsELBO"}
SUMS = [name for name in OBJECTIVES if name not in AGGREGATE | OF_CODES | OF_MEANS]


def vae(discrete=False):
    torch.manual_seed(0)
    if discrete:
        posterior = CategoricalPosterior(MLP(5, [4], 3, activation="tanh"))
        prior = CategoricalPrior(3)
    else:
        posterior = NormalPosterior(MLP(5, [4], 6, activation="tanh"))
        prior = NormalPrior(3, learned=True)
    return VAE(prior, posterior, NormalLikelihood(MLP(3, [4], 5, activation="tanh")))


def data(n=4):
    return torch.randn(n, 5, generator=torch.Generator().manual_seed(1))


def loss_and_gradients(objective, model, *batch):
    for parameter in model.parameters():
        parameter.grad = None
    pyro.set_rng_seed(5)
    loss = torch.as_tensor(objective.loss_and_grads(model.model, model.guide, *batch))
    grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in model.parameters()]
    return loss, torch.cat([g.flatten() for g in grads])


@pytest.mark.parametrize("discrete", [False, True])
@pytest.mark.parametrize("name", SUMS)
def test_a_weight_multiplies_the_bound_of_its_datum(name, discrete):
    """With the same draws: value and gradient are linear in the weights, and 1 changes nothing."""
    paths = {
        "StickingTheLandingELBO",
        "DoublyReparameterizedELBO",
        "PartiallyImportanceWeightedELBO",
        "HamiltonianELBO",
        "AnnealedELBO",
    }
    if discrete and name in paths:
        pytest.skip("its latents have to be reparameterised")
    plain, x = vae(discrete), data()
    weighted, objective = Weighted(plain), OBJECTIVES[name]()
    each = [loss_and_gradients(objective, weighted, x, one) for one in torch.eye(4)]
    together = loss_and_gradients(objective, weighted, x, torch.ones(4))
    torch.testing.assert_close(together, loss_and_gradients(objective, plain, x))
    found = loss_and_gradients(objective, weighted, x, W)
    expected = [sum(w * e[i] for w, e in zip(W, each, strict=True)) for i in (0, 1)]
    torch.testing.assert_close(found, tuple(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["ImportanceWeightedELBO", "RenyiELBO", "VIMCO"])
def test_the_weight_is_outside_of_the_logarithm(name):
    """Of one datum of weight w the bound is w times its own, at the same draws."""
    plain, x = vae(), data(1)
    objective = OBJECTIVES[name]()
    for weight in (0.1, 3.0):
        found, _ = loss_and_gradients(objective, Weighted(plain), x, torch.tensor([weight]))
        expected, _ = loss_and_gradients(objective, plain, x)
        torch.testing.assert_close(found, weight * expected)


@pytest.mark.parametrize("objective", [FreeBitsELBO(free_nats=0.3), BetaELBO(0.5)])
def test_whole_weights_are_repeated_rows(objective):
    """In closed form a row of weight 2 is two rows: the mean KL within is one by weight."""
    plain, x = vae(), data()
    weights = torch.tensor([2.0, 1.0, 0.0, 1.0])
    rows = x[[0, 0, 1, 3]]

    def kl(model, *batch):
        draws = [objective.loss(model.model, model.guide, *batch) for _ in range(400)]
        draws = torch.tensor(draws)
        return draws.mean(), draws.var() / len(draws)

    (a, var_a), (b, var_b) = kl(Weighted(plain), x, weights), kl(plain, rows)
    assert abs(a - b) < 5 * (var_a + var_b).sqrt()


def test_the_closed_form_is_taken_with_weights():
    """Its KL term has no noise: of a likelihood that ignores z, nothing has."""
    plain, x = vae(), data()
    with torch.no_grad():
        plain.likelihood.network.layers[0].weight.zero_()
    elbo_ = AnalyticKLELBO()
    losses = {elbo_.loss(Weighted(plain).model, Weighted(plain).guide, x, W) for _ in range(3)}
    assert max(losses) - min(losses) < 1e-4


@pytest.mark.parametrize("objective", [TotalCorrelationELBO(data_size=4), DIPELBO(), MMDELBO()])
def test_objectives_of_a_whole_batch_refuse_weights(objective):
    model = Weighted(vae())
    with pytest.raises(ValueError, match="site 'z': the data are weighted"):
        objective.loss(model.model, model.guide, data(), W)


def test_scales_from_outside_are_refused_with_weights_too():
    class Scaled(VAE):
        def model(self, x):
            with pyro.poutine.scale(scale=3.0):
                return super().model(x)

    plain = vae()
    model = Weighted(Scaled(plain.prior, plain.posterior, plain.likelihood))
    with pytest.raises(ValueError, match="site 'z': its log-probability is scaled"):
        ImportanceWeightedELBO().loss(model.model, model.guide, data(), W)


def test_pyros_estimators_weigh_the_elbo():
    plain, x = vae(), data()
    found, expected = (
        loss_and_gradients(Trace_ELBO(), model, *batch)[0]
        for model, batch in ((Weighted(plain), (x, torch.full((4,), 2.0))), (plain, (x,)))
    )
    torch.testing.assert_close(found, 2 * expected)
    svi = SVI(
        Weighted(plain).model, Weighted(plain).guide, pyro.optim.Adam({"lr": 0.01}), Trace_ELBO()
    )
    assert math.isfinite(svi.step(x, W))


def test_reports_are_means_by_weight():
    plain, x = vae(), data(40)
    w = torch.rand(40, generator=torch.Generator().manual_seed(2)).round(decimals=1)
    weighted = Weighted(plain)
    each = score(plain, x, samples=30, batch_size=40)
    report = evaluate(weighted, (x, w), samples=30, batch_size=40)
    share = (w / w.sum()).double()
    for name in ("elbo", "reconstruction", "kl"):
        expected = (share * getattr(each, name)).sum().item()
        assert getattr(report, name) == pytest.approx(expected, abs=1e-4)
    mean = (share * each.log_likelihood).sum().item()
    assert report.log_likelihood.value == pytest.approx(mean, abs=1e-4)
    error = ((share * (each.elbo - report.elbo)).square().sum().sqrt() * (40 / 39) ** 0.5).item()
    assert report.data_se["elbo"] == pytest.approx(error, rel=1e-3)
    mc = ((share * each.mc_se).square().sum().sqrt()).item()
    assert report.log_likelihood.mc_se == pytest.approx(mc, rel=1e-3)
    found = log_likelihood(weighted, (x, w), samples=30, batch_size=40)
    assert found.value == pytest.approx(mean, abs=1e-4)
    sizes = {"samples": 30, "batch_size": 40}
    plain_elbo = elbo(plain, x, **sizes).elbo
    assert elbo(weighted, (x, torch.ones(40)), **sizes).elbo == pytest.approx(plain_elbo)
    found = elbo(weighted, (x, w), **sizes).elbo
    assert elbo(weighted, (x, 2 * w), **sizes).elbo == pytest.approx(found)
    assert found != pytest.approx(plain_elbo, rel=1e-4)


def test_weighed_values_at_the_edges():
    values, weight = torch.tensor([-1.0, -math.inf, -3.0]), torch.tensor([1.0, 2.0, 1.0])
    assert weighed(values, weight).mean() == -math.inf
    # A datum that does not count says nothing, minus infinity included.
    found = weighed(values, torch.tensor([1.0, 0.0, 3.0])).mean().item()
    assert found == pytest.approx(-2.5)
    for ask in (elbo, evaluate, log_likelihood):
        with pytest.raises(ValueError, match="all weights are 0"):
            ask(Weighted(vae()), (data(3), torch.zeros(3)), samples=2)


def test_draws_of_data_that_do_not_count_are_not_looked_at():
    x, n = data(40), 30
    each = log_likelihood(vae(), x, samples=50, per_datum=True)
    weight = (torch.arange(40) < n).float()
    found = log_likelihood(Weighted(vae()), (x, weight), samples=50)
    assert found.value == pytest.approx(each.value[:n].mean().item(), abs=1e-4)
    assert found.growth == pytest.approx(each.growth[:n].mean().item(), abs=1e-4)
    assert found.ess == pytest.approx(each.ess[:n].median().item(), rel=1e-3)
    assert found.ess_low == pytest.approx(each.ess[:n].quantile(0.05).item(), rel=1e-3)
    assert found.heavy == (each.pareto_k[:n] > 0.7).double().mean().item()


def test_kls_of_variables_are_means_by_weight():
    plain, x = vae(), data(40)
    w = torch.rand(40, generator=torch.Generator().manual_seed(2)).round(decimals=1)
    (weighted,) = latent_variables(Weighted(plain), (x, w)).values()
    # A datum by itself has the KL that it has among others.
    each = [latent_variables(plain, row)["z"].kl for row in x.split(1)]
    expected = (w / w.sum()) @ torch.tensor(each)
    torch.testing.assert_close(torch.tensor(weighted.kl), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "ask",
    [
        lambda model, data: inference_gap(model, data, samples=2, steps=1),
        lambda model, data: kl_decomposition(model, data),
        lambda model, data: annealed_log_likelihood(model, data, temperatures=1),
        lambda model, data: bidirectional(model, data, temperatures=1),
    ],
    ids=["gap", "decomposition", "annealing", "bidirectional"],
)
def test_means_that_leave_weights_out_refuse_them(ask):
    with pytest.raises(ValueError, match="expected a model without data weights"):
        ask(Weighted(vae()), (data(4), torch.rand(4)))


@pytest.mark.parametrize("compile", [False, pytest.param(True, marks=pytest.mark.proof)])
def test_training_by_weights_and_queries(compile, tmp_path):
    plain, x = vae(), data(12)
    w = torch.tensor([1.0, 0.0] * 6)
    model = Weighted(plain)
    objective = ImportanceWeightedELBO(num_particles=2)
    fit(model, TensorSplit(x, w), objective=objective, epochs=2, progress=False, compile=compile)
    torch.testing.assert_close(model.encode(x), plain.encode(x))
    assert model.sample(3).shape == (3, 5)
    assert model.reconstruct(x).shape == x.shape
    save(model, tmp_path / "model.pt")
    torch.testing.assert_close(load(tmp_path / "model.pt").encode(x), plain.encode(x))


def test_rows_of_no_weight_teach_nothing():
    x, w = data(), torch.tensor([1.0, 0.0, 1.0, 1.0])
    wild = x.clone()
    wild[1] = 50.0
    found = [
        loss_and_gradients(ImportanceWeightedELBO(num_particles=3), Weighted(vae()), rows, w)
        for rows in (x, wild)
    ]
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("objective", [ELBO(), AnalyticKLELBO(), ImportanceWeightedELBO()])
def test_rows_of_no_weight_may_have_no_density(objective):
    """Of values whose squares are infinite in single precision log p(x) is minus infinity."""
    plain, x = vae(), data()
    with torch.no_grad():
        plain.posterior.network.layers[0].weight.zero_()
    x[1] = 1e30
    assert plain.decode(plain.encode(x)).log_prob(x)[1] == -math.inf
    loss, gradient = loss_and_gradients(
        objective, Weighted(plain), x, torch.tensor([1.0, 0.0, 1.0, 1.0])
    )
    assert loss.isfinite()
    assert gradient.isfinite().all()


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        (
            torch.ones(4, 1),
            r"shape \(4,\), one for each datum, got torch.float32 of shape \(4, 1\)",
        ),
        (torch.ones(4).long(), "floating numbers"),
        (torch.tensor([1.0, -1.0, 1.0, 1.0]), "at least 0"),
        (torch.tensor([1.0, math.nan, 1.0, 1.0]), "finite"),
    ],
)
def test_what_are_no_weights(weights, said):
    with pytest.raises(ValueError, match=said):
        fit(Weighted(vae()), (data(), weights), progress=False)
