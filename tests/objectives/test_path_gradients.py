"""Gradients of a guide by way of the draws alone, where the exact ones are known."""

import linear_gaussian
import pyro.distributions as dist
import pytest
import torch
from linear_gaussian import FEATURES, LinearLikelihood, StandardNormal
from path_programs import gradient_of
from torch import nn

from pyrovae import VAE
from pyrovae.objectives import (
    ELBO,
    DoublyReparameterizedELBO,
    ImportanceWeightedELBO,
    ReweightedWakeSleep,
    StickingTheLandingELBO,
)
from pyrovae.posteriors import Posterior


class FreePosterior(Posterior):
    """A normal around a linear map of x, with a covariance of its own, begun near p(z|x)."""

    def __init__(self, likelihood, error=0.0):
        super().__init__()
        with torch.no_grad():
            basis = torch.eye(FEATURES).double()
            constant = likelihood.exact_posterior(torch.zeros_like(basis)).mean[0]
            self.weight = nn.Parameter(
                likelihood.exact_posterior(basis).mean.mT - constant.unsqueeze(-1) + error
            )
            self.bias = nn.Parameter(constant + error)
            self.tril = nn.Parameter(likelihood.exact_posterior(basis).scale_tril[0] + 0.0)

    def forward(self, x):
        loc = x @ self.weight.mT + self.bias
        return dist.MultivariateNormal(loc, scale_tril=self.tril.tril())


def free_vae(error=0.0):
    likelihood = LinearLikelihood()
    return VAE(StandardNormal(), FreePosterior(likelihood, error), likelihood)


def gradients(objective, vae, x, repeats, part="posterior"):
    return torch.stack([gradient_of(objective, vae, x, part) for _ in range(repeats)])


PATHS = {
    "StickingTheLandingELBO-1": StickingTheLandingELBO(),
    "StickingTheLandingELBO-4": StickingTheLandingELBO(num_particles=4),
    "DoublyReparameterizedELBO-1": DoublyReparameterizedELBO(num_particles=1),
    "DoublyReparameterizedELBO-4": DoublyReparameterizedELBO(num_particles=4),
}


@pytest.mark.parametrize("name", PATHS)
def test_at_the_exact_posterior_the_guides_gradient_is_zero_in_every_draw(name):
    vae, x = free_vae(), linear_gaussian.data()
    draws = gradients(PATHS[name], vae, x, 5)
    # Rounding in float64, of terms of the order of ten.
    assert draws.abs().max() < 1e-10


@pytest.mark.parametrize("objective", [ELBO(), ImportanceWeightedELBO(num_particles=4)])
def test_at_the_exact_posterior_other_gradients_are_not_zero(objective):
    vae, x = free_vae(), linear_gaussian.data()
    assert gradients(objective, vae, x, 5).abs().max() > 0.1


@pytest.mark.proof
def test_signal_to_noise_of_the_guides_gradient_falls_with_particles_or_rises():
    """Rainforth et al.: as 1 / sqrt(K) for the bound; Tucker et al.: as sqrt(K) for DReG."""
    vae, x = free_vae(error=0.1), linear_gaussian.data().repeat(2, 1)
    with torch.no_grad():
        vae.posterior.tril *= 1.5
    ratios = {}
    for cls in (ImportanceWeightedELBO, DoublyReparameterizedELBO):
        for k in (1, 64):
            draws = gradients(cls(num_particles=k), vae, x, 200)
            ratios[cls, k] = (draws.mean(0).norm() / draws.std(0).norm()).item()
    # A factor of 8 each way in the limit. The mean of 200 draws has itself a ratio of 0.07, where
    # the ratios are 1.3 and 0.1 for the bound and 2.2 and 9 for DReG.
    assert ratios[ImportanceWeightedELBO, 64] < ratios[ImportanceWeightedELBO, 1] / 4
    assert ratios[DoublyReparameterizedELBO, 64] > ratios[DoublyReparameterizedELBO, 1] * 2


def test_the_models_gradient_is_the_bounds_own():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    torch.manual_seed(1)
    expected = gradient_of(ImportanceWeightedELBO(num_particles=5), vae, x, "likelihood")
    for cls in (
        DoublyReparameterizedELBO,
        StickingTheLandingELBO,
        ReweightedWakeSleep,
    ):
        torch.manual_seed(1)
        got = gradient_of(cls(num_particles=5), vae, x, "likelihood")
        torch.testing.assert_close(got, expected)


def test_by_hand():
    """The guide's gradient of both, with detached copies of its parameters."""
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    torch.manual_seed(1)
    q = vae.posterior(x)
    z = q.rsample((5,))
    fixed = dist.Normal(q.base_dist.loc.detach(), q.base_dist.scale.detach()).to_event(1)
    log_w = vae.prior().log_prob(z) + vae.likelihood(z).log_prob(x) - fixed.log_prob(z)
    weights = log_w.detach().softmax(0)
    parameters = list(vae.posterior.parameters())
    for cls, power in ((StickingTheLandingELBO, 1), (DoublyReparameterizedELBO, 2)):
        loss = -(weights**power * log_w).sum()
        expected = torch.autograd.grad(loss, parameters, retain_graph=True)
        torch.manual_seed(1)
        got = gradient_of(cls(num_particles=5), vae, x)
        torch.testing.assert_close(got, torch.cat([g.flatten() for g in expected]))
