"""Hierarchies made for images and of vectors: their sizes, and how their paths begin."""

import pytest
import torch
from hierarchies import MAKERS, images
from registry import DATA

from pyrovae.hierarchy import DeepHierarchicalVAE, DenseHierarchicalVAE
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP, ResidualDecoder


@pytest.mark.parametrize("make", MAKERS)
def test_each_step_of_a_long_path_is_a_small_one(make):
    """The last weights of a step are divided by the root of the number of layers."""
    x = images()
    with torch.no_grad():
        for block in make().double().blocks:
            if block.out_shape == block.in_shape:
                h = torch.randn(len(x), *block.in_shape).double()
                z = torch.randn(len(x), *block.latent_shape).double()
                assert (block(h, z) - h).std() < h.std()


@pytest.mark.parametrize("layers", [(2,), (0, 0), (1, 0), (-1, 2)])
def test_layers_that_make_no_hierarchy_are_refused(layers):
    likelihood = BernoulliLikelihood(ResidualDecoder((4, *DATA[1:]), DATA, channels=(4,)))
    with pytest.raises(ValueError, match="layers: expected a number for each"):
        DeepHierarchicalVAE(likelihood, channels=(4, 4), layers=layers)


def test_signals_have_no_hierarchy_of_maps():
    likelihood = BernoulliLikelihood(ResidualDecoder((4, 8), (1, 8), channels=(4,)))
    with pytest.raises(ValueError, match=r"likelihood: expected one of images .* \(1, 8\)"):
        DeepHierarchicalVAE(likelihood, channels=(4,), layers=(1,))


def test_a_path_may_end_below_the_resolution_of_the_data():
    lowest = tuple((n + 1) // 2 for n in DATA[1:])
    likelihood = BernoulliLikelihood(ResidualDecoder((6, *lowest), DATA, channels=(6, 4)))
    model = DeepHierarchicalVAE(likelihood, channels=(4, 6), layers=(0, 3))
    assert model.sample(2).shape == (2, *DATA)
    with pytest.raises(ValueError, match=r"likelihood: expected one that reads the path \(4, "):
        DeepHierarchicalVAE(likelihood, channels=(4, 6), layers=(1, 3))


@pytest.mark.parametrize(
    ("encoder", "path", "options", "told"),
    [
        (5, 3, {}, r"features: .*path_features=\(3,\), encoder=\(5,\)|features"),
        (3, (3, 1, 1), {}, "path"),
        (3, 3, {"layers": 0}, "layers: expected positive sizes"),
        (3, 3, {"latent_features": -1}, "latent_features: expected positive sizes"),
        (3, 3, {"path_features": 0}, "path_features: expected positive sizes"),
        (3, 3, {"posteriors": "none"}, "posteriors: expected 'relative' or 'free'"),
    ],
)
def test_a_dense_hierarchy_says_what_does_not_fit(encoder, path, options, told):
    likelihood = BernoulliLikelihood(MLP(path, [], DATA))
    options = {"path_features": 3, "layers": 2} | options
    with pytest.raises(ValueError, match=told):
        DenseHierarchicalVAE(MLP(DATA, [], encoder), likelihood, **options)
