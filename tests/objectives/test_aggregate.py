"""Objectives that look at the aggregate posterior: total correlation, DIP and MMD."""

import math

import linear_gaussian
import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import coin_vae, loss_and_gradients, mixture_vae, normal_vae
from pyro import poutine
from torch import Size
from torch.distributions import kl_divergence

from pyrovae import VAE
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import DIPELBO, ELBO, MMDELBO, AnalyticKLELBO, TotalCorrelationELBO
from pyrovae.objectives.mmd import maximum_mean_discrepancy
from pyrovae.posteriors import Posterior, PowerSphericalPosterior
from pyrovae.priors import Prior, UniformSpherePrior


def site(objective, vae, x, seed=1):
    torch.manual_seed(seed)
    _, guide = objective.traces(vae.model, vae.guide, (x,), {})
    return guide.nodes["z"]


def pair_densities(vae, x, z):
    """log q(z_i | x_j) of each feature, (n, n, 2)."""
    q = vae.posterior(x).base_dist
    return q.log_prob(z.unsqueeze(1))


@pytest.mark.parametrize("num_particles", [1, 3])
@pytest.mark.parametrize("n", [6, 50])
def test_stratified_densities_by_hand(n, num_particles):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    objective = TotalCorrelationELBO(data_size=n, num_particles=num_particles)
    q = site(objective, vae, x)
    joint, product = objective.aggregate(q, 1.0)
    assert joint.shape == product.shape == q["fn"].batch_shape
    values = q["value"].view(num_particles, 6, 2)
    for k in range(num_particles):
        for i in range(6):
            features = pair_densities(vae, x, values[k])[i].exp()
            weights = torch.full((6,), (n - 1) / (n * 5)).double()
            weights[i] = 1 / n
            assert weights.sum() == pytest.approx(1.0)
            expected = (weights @ features.prod(-1)).log(), (weights @ features).log().sum()
            torch.testing.assert_close(joint.view(-1, 6)[k, i], expected[0])
            torch.testing.assert_close(product.view(-1, 6)[k, i], expected[1])


def test_weighted_densities_by_hand():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    objective = TotalCorrelationELBO(data_size=50, estimator="weighted")
    q = site(objective, vae, x)
    features = pair_densities(vae, x, q["value"]).exp() / (50 * 6)
    joint, product = objective.aggregate(q, 1.0)
    torch.testing.assert_close(
        joint, (features.prod(-1) * (50 * 6)).sum(1).log(), rtol=1e-9, atol=1e-9
    )
    torch.testing.assert_close(product, features.sum(1).log().sum(-1))


def test_stratified_density_is_unbiased_over_batches():
    """The mean over all batches of three of five data that hold datum 0 is the aggregate's."""
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data(5)
    objective = TotalCorrelationELBO(data_size=5)
    z = torch.tensor([0.3, -0.2]).double()
    densities = vae.posterior(x).log_prob(z).exp()
    found = []
    for others in torch.combinations(torch.arange(1, 5), 2):
        batch = x[torch.cat([torch.tensor([0]), others])]
        q = site(objective, vae, batch)
        q["value"] = z.expand(3, 2)
        found.append(objective.aggregate(q, 1.0)[0][0].exp())
    torch.testing.assert_close(torch.stack(found).mean(), densities.mean())


class MapPosterior(Posterior):
    """A normal of fixed scale around a linear map of x."""

    def __init__(self, matrix, scale):
        super().__init__()
        self.matrix = torch.nn.Parameter(matrix.double())
        self.scale = scale

    def forward(self, x):
        return dist.Normal(x @ self.matrix.mT, self.scale).to_event(1)


class Map2Likelihood(linear_gaussian.LinearLikelihood):
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.eye(2).double())
        self.bias = torch.nn.Parameter(torch.zeros(2).double())


def test_total_correlation_of_a_gaussian_aggregate_in_closed_form():
    """Normal data under a linear map: the aggregate is normal, of correlation r."""
    n, r, s = 1500, 0.8, 0.4
    noise = torch.randn(n, 2, generator=torch.Generator().manual_seed(5)).double()
    # Whitened, so that the sample's covariance is the identity.
    noise = noise - noise.mean(0)
    noise = torch.linalg.solve_triangular(
        torch.linalg.cholesky(noise.mT @ noise / n), noise.mT, upper=False
    ).mT
    covariance = torch.tensor([[1.0, r], [r, 1.0]]).double()
    matrix = torch.linalg.cholesky(covariance - s**2 * torch.eye(2).double())
    vae = VAE(linear_gaussian.StandardNormal(), MapPosterior(matrix, s), Map2Likelihood())
    objective = TotalCorrelationELBO(data_size=n)
    q = site(objective, vae, noise)
    with torch.no_grad():
        joint, product = objective.aggregate(q, 1.0)
    ratios = joint - product
    exact = -0.5 * math.log(1 - r**2)
    # Four standard errors, and as much for the data, which are 1500 points and no normal.
    error = ratios.std().item() / n**0.5
    assert ratios.mean().item() == pytest.approx(exact, abs=8 * error)
    assert error < 0.03
    mutual = q["fn"].log_prob(q["value"]) - joint
    exact = 0.5 * math.log(1 - r**2) - 2 * math.log(s)
    assert mutual.mean().item() == pytest.approx(exact, abs=8 * mutual.std().item() / n**0.5)


@pytest.mark.parametrize("estimator", ["stratified", "weighted"])
@pytest.mark.parametrize("make", [normal_vae, coin_vae])
def test_with_all_weights_one_it_is_the_elbo(make, estimator):
    model, guide, x = make()
    expected_loss, expected = loss_and_gradients(ELBO(num_particles=3), model, guide, x)
    objective = TotalCorrelationELBO(data_size=50, beta=1.0, estimator=estimator, num_particles=3)
    loss, gradients = loss_and_gradients(objective, model, guide, x)
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-5)


def test_value_and_gradient_of_the_weighted_parts():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    torch.manual_seed(1)
    q = vae.posterior(x)
    z = q.rsample()
    features = pair_densities(vae, x, z)
    weights = torch.full((6, 6), 19 / (20 * 5)).double().fill_diagonal_(1 / 20).log()
    joint = (features.sum(-1) + weights).logsumexp(1)
    product = (features + weights.unsqueeze(-1)).logsumexp(1).sum(-1)
    expected = -(
        vae.likelihood(z).log_prob(x)
        - 2.0 * (q.log_prob(z) - joint)
        - 5.0 * (joint - product)
        - 0.5 * (product - vae.prior().log_prob(z))
    ).sum()
    gradients = torch.autograd.grad(expected, list(vae.parameters()))
    torch.manual_seed(1)
    objective = TotalCorrelationELBO(data_size=20, beta=5.0, alpha=2.0, gamma=0.5)
    loss = objective.loss_and_grads(vae.model, vae.guide, x)
    torch.testing.assert_close(loss, expected.detach())
    for parameter, gradient in zip(vae.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_gradient_of_discrete_latents_is_unbiased():
    """Two data with a coin each: the sum over both coins' values, exactly."""
    logits = torch.tensor([0.4, -0.9]).double().requires_grad_()
    x = torch.tensor([0.5, -1.0]).double()

    def programs(copies):
        def model(x):
            with pyro.plate("data", 2 * copies, dim=-1):
                prior = dist.Bernoulli(torch.tensor([0.3, 0.6]).double()).to_event(1)
                z = pyro.sample("z", prior)
                pyro.sample("x", dist.Normal(z.sum(-1), 1.0), obs=x)

        def guide(x):
            with pyro.plate("data", 2 * copies, dim=-1):
                slopes = torch.tensor([1.0, -2.0]).double()
                q = dist.Bernoulli(logits=logits + slopes * x.unsqueeze(-1)).to_event(1)
                pyro.sample("z", q)

        return model, guide

    codes = torch.cartesian_prod(*[torch.tensor([0.0, 1.0]).double()] * 2)
    q = dist.Bernoulli(logits=logits + torch.tensor([1.0, -2.0]).double() * x.unsqueeze(-1))
    features = q.log_prob(codes.unsqueeze(1)).exp()  # code, datum, feature
    own = features.prod(-1)
    aggregate = own.mean(1), features.mean(1).prod(-1)
    prior = dist.Bernoulli(torch.tensor([0.3, 0.6]).double()).log_prob(codes).sum(-1)
    likelihood = dist.Normal(codes.sum(-1, keepdim=True), 1.0).log_prob(x)
    correlation = (aggregate[0] / aggregate[1]).log()
    elbo = likelihood + prior.unsqueeze(-1) - own.log()
    exact = (own * (elbo - 3.0 * correlation.unsqueeze(-1))).sum() / 2
    (expected,) = torch.autograd.grad(exact, logits)
    objective, rows = TotalCorrelationELBO(data_size=2, beta=4.0, num_particles=200), []
    for _ in range(200):
        loss = objective.differentiable_loss(*programs(1), x)
        rows.append(torch.autograd.grad(-loss / 2, logits)[0])
    rows = torch.stack(rows)
    error = rows.std(0) / 200**0.5
    assert ((rows.mean(0) - expected).abs() < 4 * error).all()
    assert (expected.abs() > 10 * error).any()


def covariance_by_hand(vae, x, kind):
    q = vae.posterior(x).base_dist
    centred = q.loc - q.loc.mean(0)
    covariance = sum(torch.outer(row, row) for row in centred) / len(x)
    return covariance + (
        torch.diag(q.scale.square().expand(len(x), 2).mean(0)) if kind == "II" else 0
    )


@pytest.mark.parametrize("num_particles", [1, 3])
@pytest.mark.parametrize("kind", ["I", "II"])
def test_dip_by_hand(kind, num_particles):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    with torch.no_grad():
        vae.posterior.weight += 0.3 * torch.randn(2, 4).double()
    c = covariance_by_hand(vae, x, kind)
    penalty = 3.0 * (c[0, 1] ** 2 + c[1, 0] ** 2) + 0.7 * ((c[0, 0] - 1) ** 2 + (c[1, 1] - 1) ** 2)
    torch.manual_seed(1)
    elbo = AnalyticKLELBO(num_particles=num_particles)
    expected = elbo.differentiable_loss(vae.model, vae.guide, x) + 6 * penalty
    gradients = torch.autograd.grad(expected, list(vae.parameters()))
    torch.manual_seed(1)
    objective = DIPELBO(kind=kind, off_diagonal=3.0, diagonal=0.7, num_particles=num_particles)
    loss = objective.loss_and_grads(vae.model, vae.guide, x)
    torch.testing.assert_close(loss, expected.detach())
    for parameter, gradient in zip(vae.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_dip_takes_the_covariance_of_a_posterior_that_does_not_factorise():
    model, guide, x = mixture_vae()
    torch.manual_seed(1)
    q = poutine.trace(guide).get_trace(x).nodes["z"]
    mean = q["fn"].mean
    expected = torch.cov(mean.mT, correction=0) + q["fn"].covariance_matrix.mean(0)
    torch.testing.assert_close(DIPELBO(kind="II").covariance(q), expected)
    assert DIPELBO(kind="II").loss_and_grads(model, guide, x).isfinite()


def test_dip_of_the_first_kind_needs_the_mean_alone():
    """The covariance of a point on the sphere is not at hand, its mean is."""
    vae = VAE(
        UniformSpherePrior(3),
        PowerSphericalPosterior(MLP(4, [], 4)),
        BernoulliLikelihood(MLP(3, [], 4)),
    )
    x = torch.rand(6, 4).round()
    q = poutine.trace(vae.guide).get_trace(x).nodes["z"]
    objective = DIPELBO(kind="I")
    torch.testing.assert_close(
        objective.covariance(q), torch.cov(q["fn"].mean.mT, correction=0), atol=1e-6, rtol=1e-4
    )
    objective.loss_and_grads(vae.model, vae.guide, x)
    assert all(p.grad.isfinite().all() for p in vae.parameters())
    with pytest.raises(ValueError, match="site 'z': mean or covariance of PowerSpherical"):
        DIPELBO(kind="II").covariance(q)


def test_dip_weights_of_the_paper():
    assert DIPELBO(kind="I", off_diagonal=5.0).diagonal == 50.0
    assert DIPELBO(kind="II", off_diagonal=5.0).diagonal == 5.0


def rbf_in_closed_form(delta, s, t, h):
    """MMD^2 of N(0, s^2 I) and N(delta, t^2 I): expectations of a normal density's shape."""

    def expected(variance, shift):
        d = len(shift)
        return (h**2 / (h**2 + variance)) ** (d / 2) * (
            -shift.square().sum() / (2 * (h**2 + variance))
        ).exp()

    zero = torch.zeros_like(delta)
    return expected(2 * s**2, zero) + expected(2 * t**2, zero) - 2 * expected(s**2 + t**2, delta)


@pytest.mark.parametrize("shift", [0.0, 0.7])
def test_discrepancy_against_the_closed_form(shift):
    delta = torch.tensor([shift, -shift, 0.0]).double()
    s, t, h = 1.0, 1.0 if shift == 0 else 1.4, 1.2
    x = s * torch.randn(2000, 20, 3).double()
    y = delta + t * torch.randn(2000, 30, 3).double()
    found = maximum_mean_discrepancy(x, y, kernel="rbf", bandwidth=h)
    exact = rbf_in_closed_form(delta, s, t, h).item()
    error = found.std().item() / 2000**0.5
    # Four standard errors.
    assert found.mean().item() == pytest.approx(exact, abs=4 * error)
    assert (exact == 0) if shift == 0 else (exact > 50 * error)


def test_discrepancy_of_equal_distributions_is_zero_in_expectation_under_the_other_kernel_too():
    x, y = torch.randn(2, 2000, 10, 3).double()
    found = maximum_mean_discrepancy(x, y, kernel="imq", bandwidth=2.0)
    assert abs(found.mean()) < 4 * found.std() / 2000**0.5
    apart = maximum_mean_discrepancy(x, y + 1, kernel="imq", bandwidth=2.0)
    assert apart.mean() > 50 * apart.std() / 2000**0.5


@pytest.mark.parametrize("kernel", ["rbf", "imq"])
def test_discrepancy_by_hand(kernel):
    x, y = torch.randn(4, 2).double(), torch.randn(5, 2).double()

    def k(a, b):
        square = (a - b).square().sum().item()
        return math.exp(-square / 4.5) if kernel == "rbf" else 4.5 / (4.5 + square)

    own = [
        sum(k(a, b) for i, a in enumerate(z) for j, b in enumerate(z) if i != j)
        / (len(z) * (len(z) - 1))
        for z in (x, y)
    ]
    cross = sum(k(a, b) for a in x for b in y) / 20
    found = maximum_mean_discrepancy(x, y, kernel=kernel, bandwidth=1.5)
    assert found.item() == pytest.approx(sum(own) - 2 * cross, rel=1e-10)


@pytest.mark.parametrize("kl_weight", [0.0, 0.4])
@pytest.mark.parametrize("num_particles", [1, 3])
def test_mmd_objective_by_hand(num_particles, kl_weight):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    torch.manual_seed(1)
    q = vae.posterior(x)
    z = q.rsample((num_particles,))
    prior = vae.prior().expand([num_particles, 6]).sample()
    kl = kl_divergence(q.base_dist, vae.prior().base_dist).sum()
    mmd = maximum_mean_discrepancy(z, prior, kernel="imq", bandwidth=2**0.5).mean()
    reconstruction = vae.likelihood(z).log_prob(x).sum() / num_particles
    expected = -(reconstruction - kl_weight * kl - 6 * 50.0 * mmd)
    gradients = torch.autograd.grad(expected, list(vae.parameters()))
    torch.manual_seed(1)
    objective = MMDELBO(mmd_weight=50.0, kl_weight=kl_weight, num_particles=num_particles)
    loss = objective.loss_and_grads(vae.model, vae.guide, x)
    torch.testing.assert_close(loss, expected.detach())
    for parameter, gradient in zip(vae.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


class FixedMixture(Prior):
    """Draws without a gradient, and nothing to learn."""

    latent_shape = Size([3])

    def forward(self):
        components = dist.Normal(torch.tensor([[-1.0] * 3, [1.0] * 3]), 0.5).to_event(1)
        return dist.MixtureSameFamily(dist.Categorical(torch.ones(2)), components)


def test_mmd_takes_a_fixed_prior_whose_draws_have_no_gradient():
    torch.manual_seed(0)
    model, _, x = normal_vae()
    vae = model.__self__
    vae = VAE(FixedMixture(), vae.posterior, vae.likelihood)
    MMDELBO().loss_and_grads(vae.model, vae.guide, x)
    assert all(p.grad.any() for p in vae.posterior.parameters())


OBJECTIVES = {
    "TotalCorrelationELBO": lambda: TotalCorrelationELBO(data_size=20),
    "DIPELBO": lambda: DIPELBO(),
    "MMDELBO": lambda: MMDELBO(),
}
over_objectives = pytest.mark.parametrize("name", OBJECTIVES)


def subsampled(vae, indices):
    def model(x):
        with pyro.plate("data", len(x), subsample=indices, dim=-1) as i:
            z = pyro.sample("z", vae.prior())
            pyro.sample("x", vae.likelihood(z), obs=x[i])

    def guide(x):
        with pyro.plate("data", len(x), subsample=indices, dim=-1) as i:
            pyro.sample("z", vae.posterior(x[i]))

    return model, guide


@over_objectives
def test_subsampling_scales_the_bound_and_nothing_else(name):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data(20)
    indices = torch.tensor([3, 7, 11, 12])
    torch.manual_seed(1)
    batch = OBJECTIVES[name]().loss(vae.model, vae.guide, x[indices])
    torch.manual_seed(1)
    loss = OBJECTIVES[name]().loss(*subsampled(vae, indices), x)
    assert loss == pytest.approx(20 / 4 * batch, rel=1e-10)


def test_a_plate_that_draws_from_all_data_tells_their_number():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data(20)
    programs = subsampled(vae, torch.tensor([3, 7, 11, 12]))
    losses = []
    for objective in (TotalCorrelationELBO(), TotalCorrelationELBO(data_size=20)):
        torch.manual_seed(1)
        losses.append(objective.loss(*programs, x))
    assert losses[0] == losses[1]


def test_number_of_data_is_needed():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    with pytest.raises(ValueError, match="data_size: expected the number of training data"):
        TotalCorrelationELBO().loss(vae.model, vae.guide, x)
    with pytest.raises(ValueError, match="data_size: expected at least the batch, 6, got 5"):
        TotalCorrelationELBO(data_size=5).loss(vae.model, vae.guide, x)


@over_objectives
def test_masked_data_and_batches_of_one_are_refused(name):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    with pytest.raises(ValueError, match="site 'z': expected at least 2 data in a batch, got 1"):
        OBJECTIVES[name]().loss(vae.model, vae.guide, x[:1])
    mask = poutine.mask(mask=torch.tensor([True, True, False, True, True, True]))
    with pytest.raises(ValueError, match="site 'z': some data are masked"):
        OBJECTIVES[name]().loss(mask(vae.model), mask(vae.guide), x)


@over_objectives
def test_a_plate_within_the_datas_is_refused(name):
    def model(x):
        with pyro.plate("data", 4, dim=-2), pyro.plate("pixels", 3, dim=-1):
            z = pyro.sample("z", dist.Normal(torch.zeros(4, 3), 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", 4, dim=-2), pyro.plate("pixels", 3, dim=-1):
            pyro.sample("z", dist.Normal(x, 1.0))

    objective = OBJECTIVES[name]()
    objective.max_plate_nesting = 2
    with pytest.raises(ValueError, match="site 'z': expected no plate but the data's around it"):
        objective.loss(model, guide, torch.randn(4, 3))


@over_objectives
def test_latents_without_features(name):
    """A latent of event shape () has one feature."""

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", dist.Normal(torch.zeros(len(x)), 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Normal(0.5 * x, 0.8))

    x = torch.randn(6)
    assert math.isfinite(OBJECTIVES[name]().loss(model, guide, x))
    torch.manual_seed(1)
    one = TotalCorrelationELBO(data_size=20, beta=9.0).loss(model, guide, x)
    torch.manual_seed(1)
    # One feature has no total correlation.
    assert one == pytest.approx(ELBO().loss(model, guide, x), rel=1e-5)


def test_a_posterior_without_mean_is_refused_by_dip():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()

    class Flow(Posterior):
        def forward(self, x):
            base = dist.Normal(torch.zeros(len(x), 2).double(), 1.0).to_event(1)
            return dist.TransformedDistribution(base, [dist.transforms.SigmoidTransform()])

    vae.posterior = Flow()
    with pytest.raises(ValueError, match="site 'z': mean or covariance of TransformedDistrib"):
        DIPELBO().loss(vae.model, vae.guide, x)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TotalCorrelationELBO(beta=-1.0), "beta: expected a weight of at least 0"),
        (lambda: TotalCorrelationELBO(data_size=1), "data_size: expected at least 2, got 1"),
        (lambda: TotalCorrelationELBO(estimator="x"), "estimator: expected 'stratified' or"),
        (lambda: DIPELBO(kind="III"), "kind: expected 'I' or 'II', got 'III'"),
        (lambda: DIPELBO(diagonal=-1.0), "diagonal: expected a weight of at least 0, got -1.0"),
        (lambda: MMDELBO(mmd_weight=-1.0), "mmd_weight: expected a weight of at least 0"),
        (lambda: MMDELBO(kernel="linear"), "kernel: expected 'imq' or 'rbf', got 'linear'"),
        (lambda: MMDELBO(bandwidth=0.0), "bandwidth: expected a positive number, got 0.0"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
