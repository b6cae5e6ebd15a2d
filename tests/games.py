"""A model of small images, and every adversary, one line each."""

from functools import partial

import torch

from pyrovae import VAE, fit
from pyrovae.adversaries import (
    FeatureAdversary,
    PatchAdversary,
    PriorAdversary,
    Seen,
    TotalCorrelationAdversary,
)
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.nn import MLP, PatchDiscriminator
from pyrovae.objectives import ELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

DATA, LATENT = (1, 4, 4), 3

quiet = partial(fit, progress=False, device="cpu", batch_size=4, compile=False)


def mlp(i, o):
    return MLP(i, [5], o, activation="tanh")


ADVERSARIES = {
    "TotalCorrelationAdversary": lambda **o: TotalCorrelationAdversary(mlp(LATENT, 1), **o),
    "PriorAdversary": lambda **o: PriorAdversary(mlp(LATENT, 1), **o),
    "FeatureAdversary": lambda **o: FeatureAdversary(mlp(DATA, 4), **o),
    "PatchAdversary": lambda **o: PatchAdversary(PatchDiscriminator(DATA, channels=(3,)), **o),
    "PatchAdversary-fixed": lambda **o: PatchAdversary(mlp(DATA, 2), adaptive=False, **o),
}


def vae():
    likelihood = NormalLikelihood(mlp(LATENT, DATA), scale=1.0)
    return VAE(NormalPrior(LATENT), NormalPosterior(mlp(DATA, 2 * LATENT)), likelihood)


def images(n=12):
    return torch.rand(n, *DATA, generator=torch.Generator().manual_seed(5))


def seen(model, x, objective=None):
    """What an adversary sees of a step, and the step's loss."""
    found = Seen(model.model, model.guide, (x,))
    loss = (objective or ELBO()).differentiable_loss(*found.programs, x)
    return found, loss


def moved(*modules):
    """The names of the parameters that have a gradient that is not zero."""
    return {
        name
        for module in modules
        for name, p in module.named_parameters()
        if p.grad is not None and p.grad.any()
    }


def named(module, part=""):
    return {name for name, _ in module.named_parameters() if name.startswith(part)}


def pair(name, seed=0, **options):
    torch.manual_seed(seed)
    return vae(), ADVERSARIES[name](**options)


def state(*modules):
    return [value.clone() for module in modules for value in module.state_dict().values()]


def same(before, after):
    return all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
