"""Networks of one size, where scales begin, and how a model of the collection is written down."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyro.infer
import torch
from torch import Size, Tensor

from pyrovae import VAE, fit
from pyrovae.evaluation import encode
from pyrovae.likelihoods import Likelihood, NormalLikelihood
from pyrovae.likelihoods.location_scale import LocationScaleLikelihood
from pyrovae.models import Density, LatentVariableModel
from pyrovae.nn import MLP
from pyrovae.nn.positive import raw_of
from pyrovae.objectives import ELBO
from pyrovae.posteriors import NormalPosterior, Posterior
from pyrovae.priors import MixturePrior, NormalPrior, Prior

__all__ = [
    "LATENTS",
    "Entry",
    "begin_scales",
    "decoder",
    "density_of_codes",
    "encoder",
    "likelihood",
    "mixture",
    "normal",
    "told",
    "vae",
]

LATENTS = 16
HIDDEN = 200


@dataclass(frozen=True)
class Entry:
    """One model.

    Attributes:
        parts: What it is made of, as its row says it.
        make: Makes it, from the training images.
        objective: What it is trained with, from the number of training images.
        options: What else `fit` is told, from the training images.
        codes: Makes, of the trained model, what is fitted to its codes and then samples them.
    """

    parts: str
    make: Callable[[Tensor], LatentVariableModel]
    objective: Callable[[int], pyro.infer.ELBO] = lambda n: ELBO()
    options: Callable[[Tensor], Mapping[str, Any]] = lambda x: {}
    codes: Callable[[Any], Prior] | None = None


@torch.no_grad()
def begin_scales(model: torch.nn.Module, x: Tensor) -> None:
    """Starts the learned scale of a model's images at their deviation from the mean image.

    From where it starts otherwise, 0.69, Adam takes a thousand steps to it.
    """
    scale = (x - x.mean(0)).square().mean().sqrt().item()
    for module in model.modules():
        if isinstance(module, LocationScaleLikelihood) and module.data_shape == x.shape[1:]:
            module.raw_scale.fill_(raw_of(scale - module.min_scale))


def encoder(x: Tensor, out: int | Size) -> MLP:
    """A network of images."""
    return MLP(x.shape[1:], [HIDDEN], out)


def decoder(x: Tensor, latent: int | Size = LATENTS) -> MLP:
    """A network to the means of images."""
    return MLP(latent, [HIDDEN], x.shape[1:])


def likelihood(x: Tensor, latent: int | Size = LATENTS) -> Likelihood:
    """A normal around each pixel, with one scale that is learned."""
    return NormalLikelihood(decoder(x, latent), scale="learned")


def normal(x: Tensor) -> NormalPosterior:
    """The usual posterior."""
    return NormalPosterior(encoder(x, 2 * LATENTS))


def vae(x: Tensor, *, prior: Prior | None = None, posterior: Posterior | None = None) -> VAE:
    """A VAE with the usual parts where nothing is said."""
    return VAE(prior or NormalPrior(LATENTS), posterior or normal(x), likelihood(x))


def density_of_codes(prior: Prior, model: Any, x: Tensor, budget: Mapping[str, Any]) -> Density:
    """Fits a density to the codes of a trained model."""
    density = Density(prior)
    # Draws, not means: what the decoder has seen in training.
    fit(density, encode(model, x, moments="draws"), progress=False, **budget)
    return density


def mixture(model: LatentVariableModel) -> Prior:
    """What is fitted to codes that have no density yet."""
    return MixturePrior(LATENTS, components=10)


def told(cls: Callable[..., pyro.infer.ELBO], **options: Any) -> Callable[[int], pyro.infer.ELBO]:
    """An objective that does not ask how many images there are."""
    return lambda n: cls(**options)
