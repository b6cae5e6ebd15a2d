"""Every prior, posterior and likelihood in a VAE of data with a condition."""

import pytest
import torch
from conditional import C, D, L, Y, data, tanh
from registry import (
    AROUND,
    DATA,
    LATENT,
    LIKELIHOODS,
    POINTS,
    POSTERIORS,
    PRIORS,
    data_for,
    fits,
)

from pyrovae import fit
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import ConditionalVAE
from pyrovae.nn import ConvDecoder, ConvEncoder
from pyrovae.objectives import ELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior, VampPrior


def again(part, in_shape):
    """A part of the registry with a network of another input."""
    options = {k: v for k, v in part.init_args.items() if k != "network"}
    return type(part)(tanh(in_shape, [4], part.network.out_shape), **options)


# A codebook of points learns by an objective of its own.
@pytest.mark.parametrize("name", [name for name in POSTERIORS if name not in POINTS | AROUND])
def test_every_posterior_and_prior(name):
    prior = next(p for p in PRIORS if fits(p, name) and p not in ("VampPrior", "ExemplarPrior"))
    posterior = again(POSTERIORS[name](), DATA.numel() + C)
    likelihood = BernoulliLikelihood(tanh(LATENT + C, [4], DATA))
    learns(ConditionalVAE(PRIORS[prior](posterior), posterior, likelihood, classes=C))


@pytest.mark.parametrize("name", [name for name in LIKELIHOODS if name not in AROUND])
def test_every_likelihood(name):
    likelihood = again(LIKELIHOODS[name](), LATENT + C)
    posterior = NormalPosterior(tanh(DATA.numel() + C, [4], 2 * LATENT))
    vae = ConditionalVAE(NormalPrior(LATENT), posterior, likelihood, classes=C)
    learns(vae, data_for(name, (7,)))


def test_a_vamp_prior_of_data_with_their_conditions():
    posterior = NormalPosterior(tanh(D + C, [4], 2 * L))
    x = torch.cat([data(), torch.eye(C)[Y]], 1)
    likelihood = BernoulliLikelihood(tanh(L + C, [4], D))
    prior = VampPrior(posterior, pseudo_inputs=x, components=3)
    learns(ConditionalVAE(prior, posterior, likelihood, classes=C), data())


@pytest.mark.parametrize("condition", [{"classes": C}, {"condition_shape": (2, 6, 5)}])
def test_convolutions(condition):
    channels = C if "classes" in condition else 2
    size = C if "classes" in condition else 60
    vae = ConditionalVAE(
        NormalPrior(L),
        NormalPosterior(ConvEncoder((1 + channels, 6, 5), 2 * L, channels=(2,), activation="elu")),
        BernoulliLikelihood(ConvDecoder(L + size, DATA, channels=(2,), activation="elu")),
        **condition,
    )
    learns(vae, y=Y if "classes" in condition else torch.rand(7, 2, 6, 5))


def learns(vae, x=None, y=Y):
    """Each parameter moves in one step of training, with several particles."""
    x = torch.rand(7, *vae.data_shape) if x is None else x
    before = {name: p.detach().clone() for name, p in vae.named_parameters()}
    fit(vae, (x, y), objective=ELBO(num_particles=2), epochs=1, progress=False)
    assert [n for n, p in vae.named_parameters() if torch.equal(p, before[n])] == []
