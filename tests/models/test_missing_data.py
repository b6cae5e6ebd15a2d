"""Missing values: exact answers where all is linear and normal, and values that must not matter."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO
from registry import DATA, LATENT, LIKELIHOODS, data_for
from torch import Size, nn
from torch.utils.data import DataLoader

from pyrovae import evaluate, fit, load, save
from pyrovae.datasets import TensorSplit
from pyrovae.likelihoods import BernoulliLikelihood, NormalLikelihood, PoissonLikelihood
from pyrovae.models import MissingDataVAE
from pyrovae.nn import MLP
from pyrovae.objectives import (
    ELBO,
    AnalyticKLELBO,
    DoublyReparameterizedELBO,
    ImportanceWeightedELBO,
    RenyiELBO,
    ReweightedWakeSleep,
    StickingTheLandingELBO,
)
from pyrovae.posteriors import NormalPosterior, Posterior
from pyrovae.priors import NormalPrior, UniformSpherePrior, VampPrior
from pyrovae.training.divergence import find_fault
from pyrovae.training.gradients import Gradients
from pyrovae.training.step import Step

D, S = 4, 0.5


def weights():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(D, 2, generator=generator).double(), torch.linspace(-1, 1, D).double()


def covariance():
    w, _ = weights()
    return w @ w.mT + S**2 * torch.eye(D).double()


def linear_likelihood():
    """x ~ N(W z + b, s^2 I)."""
    likelihood = NormalLikelihood(MLP(2, [], D), scale=S).double()
    linear = likelihood.network.layers[0]
    with torch.no_grad():
        for parameter, value in zip((linear.weight, linear.bias), weights(), strict=True):
            parameter.copy_(value)
    return likelihood


class ExactPosterior(Posterior):
    """p(z|x_obs) itself, from the data and the mask below them."""

    data_shape = Size([2 * D])

    def forward(self, x):
        (w, b), (x, seen) = weights(), x.chunk(2, -1)
        precision = torch.eye(2).double() + w.mT @ (seen.unsqueeze(-1) * w) / S**2
        loc = torch.linalg.solve(precision, ((x - b) * seen) @ w / S**2)
        return dist.MultivariateNormal(loc, precision_matrix=precision)


def exact():
    return MissingDataVAE(NormalPrior(2).double(), ExactPosterior(), linear_likelihood())


def poor():
    """The posterior has zeros for missing values and scales that are too wide."""
    posterior = NormalPosterior(MLP(D, [], 4)).double()
    linear = posterior.network.layers[0]
    with torch.no_grad():
        linear.weight.zero_()[:2] = 0.15 * weights()[0].mT
        linear.bias.copy_(torch.tensor([0.0, 0.0, 0.5, 0.5]))
    return MissingDataVAE(NormalPrior(2).double(), posterior, linear_likelihood())


def linear_data(n=8):
    """Draws from the model, of which about half are missing; one datum is complete, one empty."""
    w, b = weights()
    generator = torch.Generator().manual_seed(2)
    z, noise = (torch.randn(n, k, generator=generator).double() for k in (2, D))
    mask = torch.rand(n, D, generator=generator) < 0.5
    mask[0], mask[1] = True, False
    return z @ w.mT + b + S * noise, mask


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
    assert analytic / len(x) == pytest.approx(report.elbo, abs=0.05)


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


FACTORISED = {name: make for name, make in LIKELIHOODS.items() if "Multinomial" not in name}


def of(likelihood, *, channels=1):
    read = Size([channels * DATA[0], *DATA[1:]])
    return MissingDataVAE(NormalPrior(LATENT), NormalPosterior(MLP(read, [4], 6)), likelihood)


def loss_and_gradients(model, *batch, objective=None):
    torch.manual_seed(3)
    objective = objective or ELBO(num_particles=2)
    loss = objective.differentiable_loss(model.model, model.guide, *batch)
    found = torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True)
    return [loss.detach(), *found]


@pytest.mark.parametrize("name", FACTORISED)
def test_values_that_are_missing_do_not_matter(name):
    """Neither in the bound nor in its gradients, under the checks of torch and Pyro."""
    model, x = of(FACTORISED[name](), channels=2), data_for(name, (5,))
    mask = torch.rand(5, *DATA) < 0.6
    expected = loss_and_gradients(model, x, mask)
    assert all(value.isfinite().all() for value in expected)
    assert any(gradient.any() for gradient in expected[1:])
    for other in (math.nan, math.inf, -7.3):
        found = loss_and_gradients(model, torch.where(mask, x, other), mask)
        for a, b in zip(found, expected, strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("name", FACTORISED)
def test_the_density_is_the_product_over_the_observed_values(name):
    likelihood, x = FACTORISED[name](), data_for(name, (5,))
    z, mask = torch.randn(3, 5, LATENT), torch.rand(5, *DATA) < 0.6
    model = of(likelihood)
    with pyro.condition(data={"z": z}), pyro.plate("draws", 3, dim=-2):
        p = pyro.poutine.trace(model.model).get_trace(x, mask).nodes["x"]["fn"]
    assert p.batch_shape == (3, 5)
    assert p.event_shape == DATA
    each = likelihood(z).base_dist.log_prob(x)
    torch.testing.assert_close(p.log_prob(x), (each * mask).flatten(-3).sum(-1))
    assert p.support.check(torch.where(mask, x, math.nan)).all()


def test_a_likelihood_that_does_not_factorise_is_refused():
    model = of(LIKELIHOODS["MultinomialLikelihood"]())
    x = data_for("MultinomialLikelihood", (5,))
    with pytest.raises(ValueError, match="independent variables.* got CountsGivenTotal"):
        fit(model, (x, x > 0), epochs=1, progress=False)


def test_without_a_mask_all_is_observed():
    for channels in (1, 2):
        model, x = of(BernoulliLikelihood(MLP(LATENT, [], DATA)), channels=channels), binary(5)
        everything = torch.ones(5, *DATA, dtype=torch.bool)
        for a, b in zip(
            loss_and_gradients(model, x), loss_and_gradients(model, x, everything), strict=True
        ):
            torch.testing.assert_close(a, b)


def test_one_mask_for_all_channels_of_a_pixel():
    shape = (3, 2, 2)
    posterior = NormalPosterior(MLP((6, 2, 2), [4], 4))
    model = MissingDataVAE(NormalPrior(2), posterior, BernoulliLikelihood(MLP(2, [], shape)))
    x, mask = torch.rand(5, *shape), torch.rand(5, 1, 2, 2) < 0.5
    expected = loss_and_gradients(model, x, mask.expand(5, *shape))
    for a, b in zip(loss_and_gradients(model, x, mask), expected, strict=True):
        torch.testing.assert_close(a, b)
    assert model.impute(x, mask, samples=3).shape == x.shape


def test_only_a_network_that_reads_the_mask_tells_zeros_from_missing_values():
    x, mask = torch.zeros(5, *DATA), torch.rand(5, *DATA) < 0.5
    everything = torch.ones_like(mask)
    for channels in (1, 2):
        model = of(BernoulliLikelihood(MLP(LATENT, [], DATA)), channels=channels)
        same = torch.equal(model.encode(x, mask), model.encode(x, everything))
        assert same is (channels == 1)


@pytest.mark.parametrize(
    ("mask", "got"),
    [
        (torch.ones(5, *DATA), "float32 of shape"),
        (torch.ones(5, 6, 5, dtype=torch.bool), r"of shape \(5, 6, 5\)"),
        (torch.ones(4, *DATA, dtype=torch.bool), r"of shape \(4, 1, 6, 5\)"),
        (torch.ones(1, *DATA, dtype=torch.bool), r"of shape \(1, 1, 6, 5\)"),
        (torch.ones(5, 1, 6, 4, dtype=torch.bool), r"of shape \(5, 1, 6, 4\)"),
    ],
)
def test_masks_that_do_not_fit(mask, got):
    model, x = of(BernoulliLikelihood(MLP(LATENT, [], DATA))), binary(5)
    said = rf"mask: expected bool of the data's shape \(5, 1, 6, 5\).*{got}"
    for call in (model.model, model.guide, model.encode, model.impute):
        with pytest.raises(ValueError, match=said):
            call(x, mask)


def test_parts_that_do_not_fit():
    likelihood = BernoulliLikelihood(MLP(2, [], 4))
    for read in (5, 12):
        with pytest.raises(ValueError, match=rf"one datum: posterior \({read},\), likelihood \(4"):
            MissingDataVAE(NormalPrior(2), NormalPosterior(MLP(read, [], 4)), likelihood)
    with pytest.raises(ValueError, match="different shapes of one latent"):
        MissingDataVAE(NormalPrior(3), NormalPosterior(MLP(4, [], 4)), likelihood)
    with pytest.raises(ValueError, match="NormalPosterior under UniformSpherePrior"):
        MissingDataVAE(UniformSpherePrior(2), NormalPosterior(MLP(4, [], 4)), likelihood)
    with pytest.raises(ValueError, match="samples: expected at least 1, got 0"):
        exact().impute(*linear_data(), samples=0)


def binary(n):
    return torch.rand(n, *DATA, generator=torch.Generator().manual_seed(1)).round()


def stripes(n=200):
    """Rows that are all zeros or all ones: half of them say all there is to know."""
    rows = torch.rand(n, 1, 6, 1, generator=torch.Generator().manual_seed(1)).round()
    mask = torch.rand(n, *DATA, generator=torch.Generator().manual_seed(2)) < 0.5
    return rows[:, :, :1].expand(n, *DATA).clone(), mask


@pytest.mark.parametrize("vamp", [False, True])
def test_learns_to_impute(vamp):
    x, mask = stripes()
    posterior = NormalPosterior(MLP(DATA, [16], 6))
    prior = VampPrior(posterior, pseudo_inputs=x, components=5) if vamp else NormalPrior(3)
    model = MissingDataVAE(prior, posterior, BernoulliLikelihood(MLP(3, [16], DATA)))
    adam = lambda parameters: torch.optim.Adam(parameters, lr=0.02)
    split = TensorSplit(torch.where(mask, x, -1.0), mask)  # a sentinel for what is missing
    fit(model, split, epochs=15, batch_size=20, optimizer=adam, progress=False)
    filled = model.impute(x, mask, samples=20)
    assert (filled - x)[~mask].abs().mean() < 0.1  # 0.5 without learning
    report = evaluate(model, split, samples=20)
    assert report.elbo > 15 * math.log(0.5)  # what a coin a value would give


def test_trains_under_plain_pyro_with_nan():
    x, mask = stripes()
    model = of(BernoulliLikelihood(MLP(LATENT, [8], DATA)), channels=2)
    svi = SVI(model.model, model.guide, pyro.optim.Adam({"lr": 0.02}), loss=Trace_ELBO())
    x = x.masked_fill(~mask, math.nan)
    first = svi.evaluate_loss(x, mask)
    for _ in range(30):
        svi.step(x, mask)
    assert svi.evaluate_loss(x, mask) < first / 2
    # Even a loader whose data are not finite trains, and is reported on.
    loader = DataLoader(list(zip(x, mask, strict=True)), batch_size=50)
    fit(model, loader, epochs=1, progress=False)
    assert math.isfinite(evaluate(model, loader, samples=2).log_likelihood.value)


def test_only_observed_values_have_to_be_in_the_support():
    model = of(PoissonLikelihood(MLP(LATENT, [], DATA)))
    x, mask = torch.ones(5, *DATA), torch.rand(5, *DATA) < 0.5
    x[~mask] = -0.5
    fit(model, TensorSplit(x, mask), epochs=1, progress=False)
    x[3, 0, 2, 2], mask[3, 0, 2, 2] = 2.5, True
    said = "'x': Poisson allows values in whole numbers of at least 0, .* from 1 to 2.5, with 2.5"
    with pytest.raises(ValueError, match=said):
        fit(model, TensorSplit(x, mask), epochs=1, progress=False)


def test_a_fault_is_not_laid_on_missing_values():
    model, x = of(BernoulliLikelihood(MLP(LATENT, [], DATA))), binary(5)
    mask = torch.rand(5, *DATA) < 0.5
    x = x.masked_fill(~mask, math.nan)
    parameters = list(model.parameters())
    gradients = Gradients(model.model, model.guide, ELBO())
    step = Step(parameters, gradients, torch.optim.SGD(parameters))
    assert find_fault(model, step, (x, mask)).startswith("the gradients")
    fault = find_fault(model, step, (x, torch.ones_like(mask)))
    assert "value of site 'z' in the guide" in fault


def test_report_looks_at_observed_values_alone():
    model, x = of(BernoulliLikelihood(MLP(LATENT, [], DATA))), binary(40)
    mask = torch.rand(40, *DATA) < 0.3
    grey = torch.where(mask, x, 0.5)
    report = evaluate(model, (grey, mask), samples=5, batch_size=15)
    assert report.is_density
    bits = -report.log_likelihood.value * 40 / (mask.sum().item() * math.log(2))
    assert report.bits_per_dim == pytest.approx(bits)
    report = evaluate(model, (torch.full_like(x, 0.5), mask), samples=5)
    assert not report.is_density
    assert report.bits_per_dim is None


def test_report_unwraps_pyros_own_masks():
    class Masked(nn.Module):
        """A user's program, with Pyro's mask on the grey levels of the variables."""

        def model(self, x, mask):
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(torch.zeros(3), 1.0).to_event(1))
                p = of_grey(z).base_dist.mask(mask).to_event(1)
                pyro.sample("x", p, obs=x)

        def guide(self, x, mask):
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(torch.zeros(3), 1.0).to_event(1))

    of_grey = BernoulliLikelihood(MLP(3, [], 3))
    x, mask = torch.tensor([[0.0, 1.0, 0.3]] * 4), torch.tensor([[True, True, False]] * 4)
    assert evaluate(Masked(), (x, mask), samples=3).is_density
    assert not evaluate(Masked(), (x, ~mask), samples=3).is_density


def test_queries_and_files(tmp_path):
    for channels in (1, 2):
        model, x = of(BernoulliLikelihood(MLP(LATENT, [], DATA)), channels=channels), binary(6)
        mask = torch.rand(6, *DATA) < 0.5
        assert model.data_shape == DATA
        assert model.encode(x, mask).shape == (6, LATENT)
        assert model.reconstruct(x, mask).shape == model.reconstruct(x).shape == (6, *DATA)
        assert model.sample(4).shape == (4, *DATA)
        assert model.decode(torch.randn(6, LATENT)).event_shape == DATA
        save(model, tmp_path / "model.pt")
        loaded = load(tmp_path / "model.pt")
        torch.testing.assert_close(loaded.encode(x, mask), model.encode(x, mask))
