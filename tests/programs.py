"""Models and guides of every kind, written as a user of Pyro would.

Each entry of PROGRAMS makes a pair of programs and a batch; parameters are in Pyro's store.
"""

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from torch import Size
from torch.distributions import constraints

from pyrovae import VAE
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import LowRankNormalPosterior, NormalPosterior, Posterior
from pyrovae.priors import MixturePrior, NormalPrior, Prior


class CoinPrior(Prior):
    """Three fair coins."""

    latent_shape = Size([3])

    def forward(self):
        return dist.Bernoulli(torch.full((3,), 0.5)).to_event(1)


class CoinPosterior(Posterior):
    """Coins whose logits come from a network: draws that are not reparameterised."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.data_shape = network.in_shape
        self.latent_shape = network.out_shape

    def forward(self, x):
        return dist.Bernoulli(logits=self.network(x)).to_event(1)

    @classmethod
    def network_shape(cls, latent_features, **options):
        return Size([latent_features])


def images(n=5):
    return torch.rand(n, 1, 2, 3, generator=torch.Generator().manual_seed(7)).round()


def likelihood():
    return BernoulliLikelihood(MLP(3, [4], (1, 2, 3), activation="tanh"))


def normal_vae():
    vae = VAE(NormalPrior(3, learned=True), NormalPosterior(MLP((1, 2, 3), [4], 6)), likelihood())
    return vae.model, vae.guide, images()


def mixture_vae():
    posterior = LowRankNormalPosterior(MLP((1, 2, 3), [4], 12))
    vae = VAE(MixturePrior(3, components=2), posterior, likelihood())
    return vae.model, vae.guide, images()


def coin_vae():
    vae = VAE(CoinPrior(), CoinPosterior(MLP((1, 2, 3), [4], 3)), likelihood())
    return vae.model, vae.guide, images()


def param(name, value, constraint=constraints.real):
    return pyro.param(name, torch.as_tensor(value, dtype=torch.float32), constraint=constraint)


def observe(x, loc, mask=None):
    with poutine.mask(mask=torch.tensor(True) if mask is None else mask):
        pyro.sample("x", dist.Normal(loc, param("noise", 0.7, constraints.positive)), obs=x)


def mixed():
    """A category, then a normal that depends on it; the guide likewise."""

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            c = pyro.sample("c", dist.Categorical(logits=param("weights", [0.1, 0.5, -0.2])))
            z = pyro.sample("z", dist.Normal(param("means", [-1.0, 0.0, 2.0])[c], 1.0))
            observe(x, z)

    def guide(x):
        with pyro.plate("data", len(x), dim=-1):
            logits = x.unsqueeze(-1) * param("slopes", [0.3, -0.3, 0.1])
            c = pyro.sample("c", dist.Categorical(logits=logits))
            loc = param("a", 0.5) * x + param("offsets", [-0.5, 0.1, 0.5])[c]
            pyro.sample("z", dist.Normal(loc, param("b", 0.6, constraints.positive)))

    return model, guide, torch.tensor([0.3, -1.2, 2.0, 0.9])


def global_latents():
    """A slope and a switch for all data, outside the plate, and a coin for each datum."""

    def model(x):
        slope = pyro.sample("slope", dist.Normal(0.0, 2.0))
        switch = pyro.sample("switch", dist.Bernoulli(param("p_switch", 0.4)))
        with pyro.plate("data", len(x), dim=-1):
            coin = pyro.sample("coin", dist.Bernoulli(0.3))
            observe(x, slope * coin + switch)

    def guide(x):
        pyro.sample("slope", dist.Normal(param("m", 0.5), param("s", 0.3, constraints.positive)))
        pyro.sample("switch", dist.Bernoulli(logits=param("switch_logit", 0.2)))
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("coin", dist.Bernoulli(logits=param("coin_slope", 0.8) * x))

    return model, guide, torch.tensor([0.3, -1.2, 2.0, 0.9])


def masked():
    """Some data are missing, and one latent is switched off."""
    seen = torch.tensor([True, False, True, True])

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            with poutine.mask(mask=seen):
                z = pyro.sample("z", dist.Normal(0.0, 1.0))
                coin = pyro.sample("coin", dist.Bernoulli(0.3))
            observe(x, z + coin, mask=seen.flip(0))

    def guide(x):
        with pyro.plate("data", len(x), dim=-1), poutine.mask(mask=seen):
            pyro.sample("z", dist.Normal(param("a", 0.5) * x, 0.8))
            pyro.sample("coin", dist.Bernoulli(logits=param("coin_slope", 0.8) * x))

    return model, guide, torch.tensor([0.3, -1.2, 2.0, 0.9])


def subsampled():
    """Two of six data at a time, drawn by the plate."""

    def model(x):
        with pyro.plate("data", len(x), subsample_size=2, dim=-1) as i:
            z = pyro.sample("z", dist.Normal(param("m", 0.1), 1.0))
            coin = pyro.sample("coin", dist.Bernoulli(0.3))
            observe(x[i], z + coin)

    def guide(x):
        with pyro.plate("data", len(x), subsample_size=2, dim=-1) as i:
            pyro.sample("z", dist.Normal(param("a", 0.5) * x[i], 0.8))
            pyro.sample("coin", dist.Bernoulli(logits=param("coin_slope", 0.8) * x[i]))

    return model, guide, torch.tensor([0.3, -1.2, 2.0, 0.9, -0.4, 1.1])


REPARAMETERISED = {"normal_vae": normal_vae, "mixture_vae": mixture_vae}
PROGRAMS = REPARAMETERISED | {
    "coin_vae": coin_vae,
    "mixed": mixed,
    "global_latents": global_latents,
    "masked": masked,
    "subsampled": subsampled,
}


def loss_and_gradients(elbo, model, guide, *batch, seed=3):
    """The loss and each parameter's gradient, from fixed random numbers."""
    torch.manual_seed(seed)
    with poutine.trace(param_only=True) as capture:
        loss = elbo.loss_and_grads(model, guide, *batch)
    gradients = {}
    for name, site in capture.trace.nodes.items():
        parameter = site["value"].unconstrained()
        gradients[name] = parameter.grad.clone()
        parameter.grad = None
    assert gradients
    return float(loss), gradients
