"""Images that are what their factors say."""

import pytest
import torch

from pyrovae import evaluate, fit, load_data
from pyrovae.datasets import FactorSplit, sprites

SMALL = {"scales": 2, "rotations": 3, "positions": 4, "validation": 0, "test": 0}


@pytest.fixture(scope="module")
def everything():
    return sprites(validation=0, test=0).train


def test_every_combination_is_there_once_and_looks_different(everything):
    assert len(everything) == 3 * 4 * 8 * 8 * 8
    assert len(torch.unique(everything.factors, dim=0)) == len(everything)
    (x,) = everything.tensors
    assert x.shape[1:] == (1, 32, 32)
    assert len(torch.unique(x.flatten(1), dim=0)) == len(everything)
    assert x.min() == 0
    assert x.max() == 1


def test_positions_move_the_middle_and_scales_the_area(everything):
    (x,), (shape, scale, rotation, across, down) = everything.tensors, everything.factors.T
    area = x.sum((1, 2, 3)).double()
    pixels = torch.arange(32.0).double()
    middle = torch.stack([x.double().sum((1, d)) @ pixels / area for d in (2, 3)], dim=1)
    # Of one shape, size and turn each place adds two pixels; nothing is cut off by an edge.
    for place, column in ((across, 0), (down, 1)):
        apart = middle[:, column] - 2.0 * place
        for kind in (shape * 32 + scale * 8 + rotation).unique():
            of_kind = apart[shape * 32 + scale * 8 + rotation == kind]
            assert of_kind.max() - of_kind.min() < 1e-4
    for kind in range(3):
        sizes = torch.stack([area[(shape == kind) & (scale == s)].mean() for s in range(4)])
        # Radii of 4, 5 1/3, 6 2/3 and 8 pixels; edges are cut into sixteenths of a pixel.
        expected = sizes[-1] * torch.tensor([1 / 4, 4 / 9, 25 / 36, 1.0]).double()
        assert torch.allclose(sizes, expected, rtol=0.02)
    # A square of half-diagonal r has the area 2 r^2, an ellipse pi r^2 / 2.
    assert area[(shape == 0) & (scale == 3)].mean() == pytest.approx(128, rel=0.02)
    assert area[(shape == 1) & (scale == 3)].mean() == pytest.approx(torch.pi * 32, rel=0.02)


def test_rotations_turn_the_longest_direction():
    split = sprites(scales=1, rotations=6, positions=1, validation=0, test=0).train
    ellipses = split.tensors[0][split.factors[:, 0] == 1, 0].double()
    pixels = torch.arange(32).double() - 15.5
    covariance = torch.stack(
        [
            torch.einsum("nij,i,j->n", ellipses, pixels, pixels),
            torch.einsum("nij,j->n", ellipses, pixels**2)
            - torch.einsum("nij,i->n", ellipses, pixels**2),
        ]
    )
    angles = torch.rad2deg(torch.atan2(2 * covariance[0], covariance[1]) / 2)
    assert torch.allclose(angles, torch.arange(6).double() * 15, atol=2)


def test_splits_keep_their_factors_and_are_divided_by_a_seed():
    options = SMALL | {"validation": 0.2, "test": 30}
    first, second = sprites(**options), sprites(**options, seed=1)
    whole = sprites(**SMALL).train
    n = len(whole)
    assert len(first.test) == 30
    assert len(first.train) + len(first.validation) == n - 30
    row = {tuple(f): x for f, x in zip(whole.factors.tolist(), whole.tensors[0], strict=True)}
    for split in (first.train, first.validation, first.test):
        assert all(
            torch.equal(x, row[tuple(f)])
            for x, f in zip(split.tensors[0], split.factors.tolist(), strict=True)
        )
        assert torch.equal(split.labels, split.factors[:, 0])
    assert not torch.equal(first.test.factors, second.test.factors)
    assert first.record["factors"] == {"shape": 3, "scale": 2, "rotation": 3, "x": 4, "y": 4}
    assert first.test.factor_names == ("shape", "scale", "rotation", "x", "y")
    assert first.train.cast(torch.float64).factors is first.train.factors


def test_static_binarization_does_not_depend_on_the_sizes():
    whole = sprites(**SMALL, binarization="static").train
    part = sprites(**SMALL | {"test": 40}, binarization="static").test
    row = {tuple(f): x for f, x in zip(whole.factors.tolist(), whole.tensors[0], strict=True)}
    assert set(part.tensors[0].unique().tolist()) == {0.0, 1.0}
    for x, f in zip(part.tensors[0], part.factors.tolist(), strict=True):
        assert torch.equal(x, row[tuple(f)])
    assert sprites(**SMALL, binarization="dynamic").train.binarization == "dynamic"


def test_models_take_the_images_alone_and_labels_are_shapes():
    from pyrovae import VAE
    from pyrovae.likelihoods import BernoulliLikelihood
    from pyrovae.nn import MLP
    from pyrovae.posteriors import NormalPosterior
    from pyrovae.priors import NormalPrior

    data = sprites(scales=1, rotations=1, positions=3)
    vae = VAE(
        NormalPrior(2),
        NormalPosterior(MLP((1, 32, 32), [], 4)),
        BernoulliLikelihood(MLP(2, [], (1, 32, 32))),
    )
    fit(vae, data, epochs=1, progress=False, compile=False)
    assert evaluate(vae, data.test, samples=2).data == len(data.test)
    x, y = data.with_labels().train.take(3)
    assert x.shape == (3, 1, 32, 32)
    assert torch.equal(y, data.train.labels[:3])


def test_they_are_loaded_by_name():
    data = load_data("sprites", test=100, validation=0, binarization="threshold")
    assert isinstance(data.test, FactorSplit)
    assert len(data.test) == 100
    assert data.validation is None
    assert data.describe()["record"]["factors"]["rotation"] == 8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scales": 0}, "scales: expected at least 1"),
        ({"rotations": 1.5}, "rotations: expected at least 1"),
        ({"positions": 16}, "positions: expected at most 15, got 16"),
        ({"binarization": "soft"}, "binarization"),
        ({"seed": "a"}, "seed: expected a whole number"),
    ],
)
def test_wrong_numbers_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        sprites(**SMALL | options)


def test_factors_that_do_not_fit_are_refused():
    x = torch.rand(4, 2)
    for factors in (torch.zeros(3, 1).long(), torch.zeros(4, 2).long(), torch.zeros(4, 1)):
        with pytest.raises(ValueError, match=r"factors: expected integers of shape \(4, 1\)"):
            FactorSplit(x, factors, factor_names=("shape",))
