"""The covariance of the aggregate posterior, held to the identity."""

import linear_gaussian
import pyro.distributions as dist
import pytest
import torch
from programs import mixture_vae
from pyro import poutine

from pyrovae import VAE
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import DIPELBO, AnalyticKLELBO
from pyrovae.posteriors import Posterior, PowerSphericalPosterior
from pyrovae.priors import UniformSpherePrior


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
    with pytest.raises(ValueError, match="site 'z': .* closed form, which PowerSpherical"):
        DIPELBO(kind="II").covariance(q)


def test_dip_weights_of_the_paper():
    assert DIPELBO(kind="I", off_diagonal=5.0).diagonal == 50.0
    assert DIPELBO(kind="II", off_diagonal=5.0).diagonal == 5.0


def test_a_posterior_without_mean_is_refused_by_dip():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()

    class Flow(Posterior):
        def forward(self, x):
            base = dist.Normal(torch.zeros(len(x), 2).double(), 1.0).to_event(1)
            return dist.TransformedDistribution(base, [dist.transforms.SigmoidTransform()])

    vae.posterior = Flow()
    with pytest.raises(ValueError, match="site 'z': .* closed form, which TransformedDistrib"):
        DIPELBO().loss(vae.model, vae.guide, x)
