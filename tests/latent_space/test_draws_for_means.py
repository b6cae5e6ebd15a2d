"""Likelihoods without a mean in closed form: pictures are of draws, and numbers are refused."""

import pytest
import torch

from pyrovae import VAE
from pyrovae.latent_space import continuity
from pyrovae.latent_space.codes import decode
from pyrovae.likelihoods import BernoulliLikelihood, PixelCNNLikelihood
from pyrovae.nn import MLP, Identity
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

SHAPE = (1, 3, 3)


def of_pixels():
    network = MLP(2, [], (2, 3, 3))
    pixels = PixelCNNLikelihood(
        network, BernoulliLikelihood(Identity(1)), context_features=2, features=2, layers=1
    )
    return VAE(NormalPrior(2), NormalPosterior(MLP(SHAPE, [], 4)), pixels)


def test_codes_decode_to_draws_and_a_warning_says_so():
    with pytest.warns(
        UserWarning, match="site 'x': Autoregressive has no mean .* a draw is given"
    ):
        decoded = decode(of_pixels(), torch.zeros(4, 2))
    assert decoded.shape == (4, *SHAPE)
    assert set(decoded.unique().tolist()) <= {0.0, 1.0}


def test_steps_between_draws_are_no_continuity():
    x = torch.ones(2, *SHAPE)
    with pytest.raises(ValueError, match="continuity: expected a likelihood with a mean"):
        continuity(of_pixels(), x, x)
