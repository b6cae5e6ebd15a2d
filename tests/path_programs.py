"""Programs to take gradients of, and the gradient of one part of a model."""

import pyro
import pyro.distributions as dist
import torch

from pyrovae import VAE
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import VampPrior


def gradient_of(objective, vae, x, part="posterior"):
    vae.zero_grad()
    objective.loss_and_grads(vae.model, vae.guide, x)
    return torch.cat([p.grad.flatten() for p in getattr(vae, part).parameters()])


def chain():
    """Three latents, each of which the guide draws given all before it."""
    parameters = {
        k: torch.tensor(v).double()
        for k, v in {"a": 0.5, "b": -0.3, "c": 0.8, "d": 0.4, "s": 0.7}.items()
    }

    def get():
        return {k: pyro.param(k, v) for k, v in parameters.items()}

    def model(x):
        p = get()
        with pyro.plate("data", len(x), dim=-1):
            z1 = pyro.sample("z1", dist.Normal(torch.zeros(len(x)).double(), 1.0))
            z2 = pyro.sample("z2", dist.Normal(p["a"] * z1.sin(), 0.9))
            z3 = pyro.sample("z3", dist.Normal(z1 * z2, 0.8))
            pyro.sample("x", dist.Normal(z3 + p["b"] * z1, 0.5), obs=x)

    def guide(x):
        p = get()
        with pyro.plate("data", len(x), dim=-1):
            z3 = pyro.sample("z3", dist.Normal(p["c"] * x, p["s"]))
            z1 = pyro.sample("z1", dist.Normal(p["d"] * z3.tanh() + p["b"] * x, 0.6))
            pyro.sample("z2", dist.Normal(p["c"] * z1 * z3 - p["d"] * x, p["s"] * 1.1))

    return model, guide, torch.tensor([0.3, -1.2, 2.0, 0.9]).double()


def vamp_vae(noisy=True):
    options = {"batch_norm": True, "dropout": 0.3} if noisy else {"activation": "tanh"}
    x = torch.rand(6, 1, 2, 3)
    posterior = NormalPosterior(MLP((1, 2, 3), [4], 6, **options))
    prior = VampPrior(posterior, pseudo_inputs=x[:4])
    vae = VAE(prior, posterior, BernoulliLikelihood(MLP(3, [4], (1, 2, 3), **options)))
    return vae.model, vae.guide, x.round()
