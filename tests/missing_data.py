"""Models of data with missing values; one is linear and normal, with an exact posterior."""

import pyro.distributions as dist
import torch
from registry import DATA, LATENT
from torch import Size

from pyrovae.likelihoods import NormalLikelihood
from pyrovae.models import MissingDataVAE
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior, Posterior
from pyrovae.priors import NormalPrior

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


def of(likelihood, *, channels=1):
    read = Size([channels * DATA[0], *DATA[1:]])
    return MissingDataVAE(NormalPrior(LATENT), NormalPosterior(MLP(read, [4], 6)), likelihood)


def binary(n):
    return torch.rand(n, *DATA, generator=torch.Generator().manual_seed(1)).round()
