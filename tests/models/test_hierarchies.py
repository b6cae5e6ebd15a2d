"""Hierarchies made for images and of vectors: their sizes, and how their paths begin."""

import pytest
import torch
from hierarchies import MAKERS, at_places, images, small
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


def test_a_path_may_have_a_place_for_each_square_of_pixels():
    data = (1, 8, 12)
    network = ResidualDecoder((4, 2, 3), data, channels=(4,), patch=4)
    likelihood = BernoulliLikelihood(network)
    model = DeepHierarchicalVAE(likelihood, channels=(4, 6), layers=(2, 1), patch=4)
    assert [tuple(block.latent_shape[1:]) for block in model.blocks] == [(2, 3), (2, 3), (1, 2)]
    assert model.sample(2).shape == (2, *data)
    found = DeepHierarchicalVAE.decoder_shape((2,), data, channels=(4, 6), layers=(2, 1), patch=4)
    assert found == (4, 2, 3)


def test_heads_at_places_read_one_place_each():
    model = at_places().double()
    block = model.blocks[0]
    h = torch.randn(1, *block.in_shape).double()
    normed = block.prior.network.layers[1:]  # the normalisation is over places
    moved = h.clone()
    moved[..., 0, 0] += 1
    changed = (normed(h) != normed(moved)).any(1)[0]
    assert changed[0, 0]
    assert changed.sum() == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"heads": "none"}, "heads: expected 'maps' or 'places', got 'none'"),
        ({"patch": 2}, r"patch: expected a divisor of each size of a datum .*, got 2"),
        ({"patch": 0}, "patch: expected positive sizes"),
    ],
)
def test_a_hierarchy_of_maps_says_what_does_not_fit(options, told):
    with pytest.raises(ValueError, match=told):
        small(**options)


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
