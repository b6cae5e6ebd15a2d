"""Codes of data of any size and source, in their order."""

import math
import warnings

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
import two_layers
from fixed_posterior import Pairs, fixed_vae
from linear_gaussian import StandardNormal, data, exact_vae, poor_vae
from tiny import FEATURES, binary_data, grey_data, tiny_vae
from torch import Size
from torch.utils.data import DataLoader, TensorDataset

from pyrovae import VAE
from pyrovae.datasets import Data, TensorSplit
from pyrovae.evaluation import Moments, encode
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import Density
from pyrovae.nn import MLP
from pyrovae.posteriors.base import Posterior
from pyrovae.priors import NormalPrior

X = data(23)


class LogNormal(Posterior):
    """Variables whose mean is known, exp(m + s^2 / 2), and which are drawn all the same."""

    def __init__(self):
        super().__init__()
        self.latent_shape = Size([FEATURES])

    def forward(self, x):
        base = dist.Normal(x, 0.25).to_event(1)
        return dist.TransformedDistribution(base, [dist.transforms.ExpTransform()])


def drawn_vae():
    likelihood = BernoulliLikelihood(MLP(FEATURES, [], FEATURES))
    return VAE(NormalPrior(FEATURES), LogNormal(), likelihood)


def test_mean_and_standard_deviation_are_the_posteriors():
    for vae in (exact_vae(), poor_vae()):
        q = vae.posterior(X)
        mean, std = encode(vae, X, moments="both", batch_size=5)
        torch.testing.assert_close(mean, q.mean.detach())
        torch.testing.assert_close(std, q.stddev.detach().expand(23, 2))
        assert torch.equal(encode(vae, X), encode(vae, X, moments="mean"))
        torch.testing.assert_close(encode(vae, X), vae.encode(X))
        assert not mean.requires_grad


def test_draws_are_of_the_posterior():
    vae = exact_vae()
    x = X[:1].repeat(20_000, 1)
    q = vae.posterior(X[:1])
    z = encode(vae, x, moments="draws")
    # Five standard errors of a mean and of a covariance, of at most sqrt(2) variances.
    size = q.variance.max().item()
    assert (z.mean(0) - q.mean[0]).abs().max() < 5 * math.sqrt(size / 20_000)
    covariance = torch.cov(z.mT) - q.covariance_matrix
    assert covariance.abs().max() < 5 * math.sqrt(2 / 20_000) * size


def test_a_seed_means_the_same_draws():
    vae = tiny_vae()
    one, same, other = (encode(vae, grey_data(), moments="draws", seed=s) for s in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


SOURCES = {
    "tensor": lambda x: x,
    "array": lambda x: x.numpy(),
    "float64": lambda x: x.double(),
    "float64 array": lambda x: x.double().numpy(),
    "split": TensorSplit,
    "a part of data": lambda x: Data(train=x, test=x[:3]).train,
    "tensor data set": lambda x: TensorDataset(x, torch.arange(len(x))),
    "data set": Pairs,
    "loader": lambda x: DataLoader(Pairs(x), batch_size=4),
    "shuffling loader": lambda x: DataLoader(Pairs(x), batch_size=4, shuffle=True),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_any_source_gives_the_same_codes_in_its_order(source):
    x = grey_data(11)
    codes = encode(tiny_vae(), source(x), batch_size=3)
    torch.testing.assert_close(codes, tiny_vae().encode(x))


def test_eight_bits_are_grey_levels_and_bool_is_zeros_and_ones():
    vae = tiny_vae(normal=True)
    pixels = torch.arange(0, 240, 5, dtype=torch.uint8).view(12, 4)
    grey = vae.encode(pixels.float() / 255)
    for x in (pixels, pixels.numpy(), TensorDataset(pixels)):
        torch.testing.assert_close(encode(vae, x), grey)
    bits = binary_data()
    torch.testing.assert_close(encode(vae, bits.bool()), vae.encode(bits))


@pytest.mark.parametrize("make", two_layers.BOTH.values(), ids=two_layers.BOTH)
def test_several_latents_are_a_dict(make):
    model, x = make(), two_layers.data(9)
    expected = model.encode(x)
    mean, std = encode(model, x, moments="both", batch_size=4)
    draws = encode(model, x, moments="draws", batch_size=4)
    assert set(mean) == set(std) == set(draws) == set(expected) == {"z1", "z2"}
    for name, code in expected.items():
        torch.testing.assert_close(mean[name], code)
        assert std[name].shape == draws[name].shape == code.shape
    # The scales of q(z2 | ...), the same for all data.
    trace = pyro.poutine.trace(model.guide).get_trace(x)
    torch.testing.assert_close(std["z2"], trace.nodes["z2"]["fn"].stddev.detach())


def test_where_a_moment_is_of_draws_it_is_said_once():
    x = torch.linspace(0, 1, 40).view(10, 4)
    with pytest.warns(UserWarning, match="site 'z': Trans.* so the mean of 400 draws") as caught:
        found = encode(drawn_vae(), x, moments="both", batch_size=2, rows=150)
    assert len(caught) == 1
    assert isinstance(found, Moments)
    # Log-normal: mean exp(m + s^2 / 2), variance (exp(s^2) - 1) mean^2.
    mean = (x + 0.25**2 / 2).exp()
    std = mean * math.sqrt(math.exp(0.25**2) - 1)
    # Of 400 draws the mean is off by std / 20; of their standard deviation the relative error is
    # sqrt((kurtosis - 1) / 4 / 400) = 4.1 %, with a kurtosis of 4.1. Five times each, for 40.
    assert ((found.mean - mean) / std).abs().max() < 5 / 20
    assert (found.std / std - 1).abs().max() < 5 * 0.041
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encode(drawn_vae(), x, moments="draws")


def test_binarization_at_each_draw_is_that_of_the_seed():
    split = TensorSplit(torch.full((50, FEATURES), 0.5), binarization="dynamic")
    vae = fixed_vae(torch.eye(FEATURES))
    codes = encode(vae, split, seed=3)
    assert set(codes.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(codes, encode(vae, split, seed=3))
    assert not torch.equal(codes, encode(vae, split, seed=4))


def test_wrong_arguments():
    vae, x = tiny_vae(), grey_data()
    for arguments, message in (
        ({"moments": "median"}, "moments: expected 'mean', 'draws' or 'both', got 'median'"),
        ({"batch_size": 0}, "batch_size: expected at least 1, got 0"),
        ({"rows": 0}, "rows: expected at least 1, got 0"),
    ):
        with pytest.raises(ValueError, match=message):
            encode(vae, x, **arguments)
    with pytest.raises(ValueError, match="got Data, which has several splits: give one"):
        encode(vae, Data(train=x))
    with pytest.raises(ValueError, match="a guide with latents, got none"):
        encode(Density(StandardNormal()), torch.zeros(3, 2))
    with pytest.raises(ValueError, match=r"site 'x': .*\[0, 1\].* from 0 to 255"):
        encode(vae, np.array([[0.0, 0.0, 255.0, 3.0]]))
