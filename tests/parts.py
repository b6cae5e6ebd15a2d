"""Priors, posteriors and likelihoods of the registry, read alike: how to make and call each."""

import pytest
import torch
from registry import (
    DATA,
    LATENT,
    LIKELIHOODS,
    NETWORKS,
    OF_CODES,
    ONE_WAY,
    POINTS,
    POSTERIORS,
    PRIORS,
    data_for,
    latent_for,
)


class Prior_:
    """A prior of the registry, read as the other parts are: a value for it, and its shapes."""

    event = torch.Size([LATENT])

    def __init__(self, name, make):
        self.name = name
        q = "VectorQuantizedPosterior" if name in OF_CODES else "NormalPosterior"
        self.make = lambda: make(POSTERIORS[q]())

    def given(self, leading, dtype=torch.float32):
        return ()

    def value(self, leading, dtype=torch.float32):
        return latent_for(self.name, leading, dtype)


class Posterior_:
    event = torch.Size([LATENT])

    def __init__(self, name, make):
        self.name = name
        self.make = make

    def given(self, leading, dtype=torch.float32):
        return (torch.rand(*leading, *DATA, dtype=dtype),)

    def value(self, leading, dtype=torch.float32):
        return latent_for(self.name, leading, dtype)


class Likelihood_:
    event = DATA

    def __init__(self, name, make):
        self.name = name
        self.make = make

    def given(self, leading, dtype=torch.float32):
        return (torch.randn(*leading, LATENT, dtype=dtype),)

    def value(self, leading, dtype=torch.float32):
        return data_for(self.name, leading, dtype)


PARTS = (
    {name: Prior_(name, make) for name, make in PRIORS.items()}
    | {name: Posterior_(name, make) for name, make in POSTERIORS.items()}
    | {name: Likelihood_(name, make) for name, make in LIKELIHOODS.items()}
)
CONDITIONAL = {name: part for name, part in PARTS.items() if not isinstance(part, Prior_)}
COMPONENTS = {name: part.make for name, part in PARTS.items()} | NETWORKS


def score(part, module, given, value):
    """The log-density of a value; of a draw of its own, where it knows no other.

    Of a point mass it is the draw itself that counts.
    """
    p = module(*given)
    if part.name in POINTS:
        return p.rsample().sum(-1)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        if part.name in ONE_WAY:
            value = p.rsample()
        return p.log_prob(value)  # which of a marginal is an estimate


def over(dictionary):
    return pytest.mark.parametrize("part", list(dictionary.values()), ids=list(dictionary))


def shake(module):
    """Moves every parameter, so that an instance differs from a fresh one."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
