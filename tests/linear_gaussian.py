"""Probabilistic PCA, written as a user would: everything about it is known in closed form.

z ~ N(0, I), x|z ~ N(Wz + b, s^2 I); in double precision, so that tolerances mean something.
"""

import math

import pyro.distributions as dist
import torch
from torch import Size, nn
from torch.distributions import MultivariateNormal, kl_divergence

from pyrovae import VAE
from pyrovae.likelihoods import Likelihood
from pyrovae.posteriors import Posterior
from pyrovae.priors import Prior

LATENT, FEATURES = 2, 4


class StandardNormal(Prior):
    latent_shape = Size([LATENT])

    def forward(self):
        return dist.Normal(torch.zeros(LATENT).double(), 1.0).to_event(1)


class LinearLikelihood(Likelihood):
    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.weight = nn.Parameter(torch.randn(FEATURES, LATENT, generator=generator).double())
        self.bias = nn.Parameter(torch.linspace(-1, 1, FEATURES).double())
        self.log_scale = nn.Parameter(torch.tensor(-0.3).double())

    def forward(self, z):
        loc = z @ self.weight.mT + self.bias
        return dist.Normal(loc, self.log_scale.exp()).to_event(1)

    @classmethod
    def network_shape(cls, data_shape, **options):
        return data_shape

    def log_evidence(self, x):
        """Exact log p(x), (n,)."""
        covariance = (
            self.weight @ self.weight.mT
            + (2 * self.log_scale).exp() * torch.eye(len(self.weight)).double()
        )
        return dist.MultivariateNormal(self.bias, covariance).log_prob(x)

    def exact_posterior(self, x):
        """Exact p(z|x)."""
        identity = torch.eye(self.weight.shape[1]).double()
        precision = identity + self.weight.mT @ self.weight / (2 * self.log_scale).exp()
        covariance = torch.linalg.inv(precision)
        loc = (x - self.bias) @ self.weight @ covariance / (2 * self.log_scale).exp()
        return dist.MultivariateNormal(loc, covariance)


class ExactPosterior(Posterior):
    """p(z|x) itself."""

    def __init__(self, likelihood):
        super().__init__()
        self.likelihood = likelihood

    def forward(self, x):
        return self.likelihood.exact_posterior(x)

    @classmethod
    def network_shape(cls, latent_features, **options):
        raise NotImplementedError


class LinearPosterior(Posterior):
    """A poor one: a normal around a linear map of x, with one scale that is far too wide."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.full((LATENT, FEATURES), 0.1).double())
        self.log_scale = nn.Parameter(torch.tensor(-0.2).double())

    def forward(self, x):
        scale = self.log_scale.exp().expand(LATENT)
        return dist.Normal(x @ self.weight.mT, scale).to_event(1)

    @classmethod
    def network_shape(cls, latent_features, **options):
        raise NotImplementedError


def exact_vae():
    """The model with its exact posterior."""
    likelihood = LinearLikelihood()
    return VAE(StandardNormal(), ExactPosterior(likelihood), likelihood)


def poor_vae():
    """The model with a poor posterior."""
    return VAE(StandardNormal(), LinearPosterior(), LinearLikelihood())


def data(n=6):
    """Draws from the model."""
    likelihood = LinearLikelihood()
    with torch.no_grad():
        z = torch.randn(n, LATENT, generator=torch.Generator().manual_seed(2)).double()
        noise = torch.randn(n, FEATURES, generator=torch.Generator().manual_seed(3)).double()
        p = likelihood(z).base_dist
        return p.loc + p.scale * noise


@torch.no_grad()
def closed_form(vae, x):
    """Reconstruction and KL of each datum, exactly.

    For q = N(m, S): E_q log N(x; Wz + b, s^2 I)
    = -D/2 log(2 pi s^2) - (|x - b - Wm|^2 + tr(W S W')) / (2 s^2).
    """
    q = vae.posterior(x)
    if isinstance(q, MultivariateNormal):
        mean, covariance = q.loc, q.covariance_matrix.expand(len(x), 2, 2)
    else:
        mean, covariance = q.mean, torch.diag_embed(q.variance)
    likelihood = vae.likelihood
    w, variance = likelihood.weight, (2 * likelihood.log_scale).exp()
    error = (x - likelihood.bias - mean @ w.mT).square().sum(-1)
    spread = torch.einsum("fi,nij,fj->n", w, covariance, w)
    reconstruction = -0.5 * (
        x.shape[-1] * (math.log(2 * math.pi) + variance.log()) + (error + spread) / variance
    )
    prior = MultivariateNormal(torch.zeros(2).double(), torch.eye(2).double())
    return reconstruction, kl_divergence(MultivariateNormal(mean, covariance), prior)
