"""Densities of the aggregate posterior, and the total correlation."""

import math

import linear_gaussian
import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import coin_vae, loss_and_gradients, normal_vae

from pyrovae import VAE
from pyrovae.objectives import ELBO, TotalCorrelationELBO
from pyrovae.posteriors import Posterior


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
