"""Steps of small models, eager and compiled, side by side."""

from functools import partial

import pyro
import pyro.infer
import torch
from registry import DATA, LATENT, LIKELIHOODS, POSTERIORS, PRIORS
from tiny import same, state

from pyrovae import VAE
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import CategoricalVAE
from pyrovae.nn import MLP
from pyrovae.priors import (
    CategoricalPrior,
    RelaxedCategoricalPrior,
    UniformSpherePrior,
)
from pyrovae.training.compiled import CompiledStep
from pyrovae.training.gradients import Gradients
from pyrovae.training.step import Step

PRIOR_OF = {
    "CategoricalPosterior": CategoricalPrior,
    "RelaxedCategoricalPosterior": RelaxedCategoricalPrior,
    "PowerSphericalPosterior": UniformSpherePrior,
}


def vae_of(*, prior="NormalPrior", posterior="NormalPosterior", likelihood=None):
    q = POSTERIORS[posterior]()
    p = PRIOR_OF[posterior](LATENT) if posterior in PRIOR_OF else PRIORS[prior](q)
    bits = BernoulliLikelihood(MLP(LATENT, [4], DATA, activation="tanh"))
    return VAE(p, q, LIKELIHOODS[likelihood]() if likelihood else bits)


def categorical_vae():
    likelihood = BernoulliLikelihood(MLP(6, [4], DATA))
    return CategoricalVAE(MLP(DATA, [4], 6), likelihood, variables=2, categories=3)


def batches(n=5):
    generator = torch.Generator().manual_seed(0)
    return [(torch.rand(n, *DATA, generator=generator).round(),) for _ in range(2)]


gradient_descent = partial(torch.optim.SGD, lr=1.0)


def eager_step(model, objective, *, optimizer=None, **options):
    """A step that moves each parameter by its gradient, unless another optimizer is given."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    gradients = Gradients(model.model, model.guide, objective, **options)
    return Step(parameters, gradients, (optimizer or gradient_descent)(parameters))


def agree(model, objective, *, data=None, **options):
    """Traces on one batch, compares it with itself in part (inside) and here with another."""
    first, third = data if data is not None else batches()
    model.train()
    step = eager_step(model, objective, **options)
    compiled = CompiledStep(model, step, first)
    assert compiled.fits(third)
    start = state(model)
    results = []
    for taken in (step, compiled):
        model.load_state_dict(start)
        torch.manual_seed(3)
        with pyro.get_param_store().scope():
            loss = taken(third)
        results.append({"loss": loss.detach(), **state(model)})
    for name, eager in results[0].items():
        # Sums in another order, in float32 or, if asked for, with products in bfloat16.
        exact = options.get("precision", "float32") == "float32"
        torch.testing.assert_close(
            results[1][name], eager, rtol=1e-4 if exact else 0.1, atol=1e-5 if exact else 1e-2
        )
    assert not same({name: results[1][name] for name in start}, start)
    return start
