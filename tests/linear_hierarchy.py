"""A deep hierarchy whose blocks are linear, so that all its latents and data are jointly normal.

Paths are vectors of three numbers, latents one number each, in double precision: the exact
posterior of each latent given the path is then a normal of one variable, and a block can have it.
"""

import math

import torch
from torch.autograd.functional import jacobian
from torch.distributions import MultivariateNormal

from pyrovae.likelihoods import NormalLikelihood
from pyrovae.models import TopDownBlock, TopDownVAE
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior

LAYERS, PATH, D, NOISE = 4, 3, 5, 0.5


def linear(n_in, n_out, *, constant=0):
    """A random linear network, whose last outputs do not depend on the input."""
    network = MLP(n_in, [], n_out).double()
    with torch.no_grad():
        if constant:
            network.layers[0].weight[-constant:] = 0
    return network


def make(seed=1):
    """A hierarchy with posteriors that are poor: linear, of random weights."""
    torch.manual_seed(seed)
    blocks = [
        TopDownBlock(
            NormalPosterior(linear(PATH, 2, constant=1)),
            NormalPosterior(linear(PATH + D, 2, constant=1)),
            linear(PATH + 1, PATH),
        )
        for _ in range(LAYERS)
    ]
    identity = MLP(D, [], D).double()
    with torch.no_grad():
        identity.layers[0].weight.copy_(torch.eye(D))
        identity.layers[0].bias.zero_()
    model = TopDownVAE(blocks, [identity], NormalLikelihood(linear(PATH, D), scale=NOISE))
    with torch.no_grad():
        model.start.normal_()
    return model.double()


def down(model, layer, h, noise):
    """The latent of a layer and the mean of the data, from the path above and standard noise."""
    first = None
    for block, e in zip(reversed(list(model.blocks)[: layer + 1]), noise, strict=True):
        p = block.prior_at(h)
        z = p.mean + p.stddev * e.unsqueeze(-1)
        first = z if first is None else first
        h = block(h, z)
    return torch.cat([first, model.likelihood(h).mean])


def joint(model, layer):
    """Mean, slope in the path and covariance of a layer's latent and the data, given the path."""
    h, e = torch.zeros(PATH).double(), torch.zeros(layer + 1).double()
    slope, reach = jacobian(lambda h, e: down(model, layer, h, e), (h, e))
    covariance = reach @ reach.mT
    covariance[1:, 1:] += NOISE**2 * torch.eye(D).double()
    return down(model, layer, h, e).detach(), slope, covariance


def log_evidence(model, x):
    """Exact log p(x), (n,)."""
    mean, slope, covariance = joint(model, LAYERS - 1)
    mean = mean + slope @ model.start.detach()
    return MultivariateNormal(mean[1:], covariance[1:, 1:]).log_prob(x)


def make_exact(seed=1, *, wider=1.0):
    """The hierarchy with p(z_l|h_l, x) as its posteriors, unless their scales are made wider."""
    model = make(seed)
    for layer, block in enumerate(model.blocks):
        mean, slope, covariance = joint(model, layer)
        gain = torch.linalg.solve(covariance[1:, 1:], covariance[1:, 0])
        spread = (covariance[0, 0] - gain @ covariance[1:, 0]).sqrt().item()
        last = block.posterior.network.layers[0]
        with torch.no_grad():
            last.weight[0] = torch.cat([slope[0] - gain @ slope[1:], gain])
            last.bias[0] = mean[0] - gain @ mean[1:]
            last.bias[1] = math.log(math.expm1(wider * spread - 1e-6))
    return model


def data(n=6):
    with torch.no_grad():
        torch.manual_seed(2)
        return make().sample(n, draw=True)
