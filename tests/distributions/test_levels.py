"""Distributions of grey levels: they sum to one, draw what they score, and keep their digits."""

import math

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine

from pyrovae.distributions import DiscretizedLogistic, LevelCategorical, Levels, Mixture


def grid(levels, dtype=torch.float64):
    return torch.arange(levels, dtype=dtype) / (levels - 1)


def mixture(loc, scale, levels):
    weights = dist.Categorical(torch.tensor([0.2, 0.5, 0.3], dtype=loc.dtype))
    return Mixture(weights, DiscretizedLogistic(loc, scale, levels=levels))


DOUBLE = torch.float64
LEVELS = 8
PARTS = {
    "categorical": lambda: LevelCategorical(torch.linspace(-1, 2, LEVELS, dtype=DOUBLE)),
    "logistic": lambda: DiscretizedLogistic(
        torch.tensor(0.3, dtype=DOUBLE), torch.tensor(0.1, dtype=DOUBLE), levels=LEVELS
    ),
    # Much of its probability lies beyond the end and belongs to the last bin.
    "logistic-beyond": lambda: DiscretizedLogistic(
        torch.tensor(1.2, dtype=DOUBLE), torch.tensor(0.4, dtype=DOUBLE), levels=LEVELS
    ),
    "mixture": lambda: mixture(
        torch.tensor([0.1, 0.5, 0.9], dtype=DOUBLE),
        torch.tensor([0.05, 0.01, 0.3], dtype=DOUBLE),
        LEVELS,
    ),
}
parts = pytest.mark.parametrize("make", PARTS.values(), ids=PARTS)


# The grid


def test_levels_hold_the_grid_and_nothing_between():
    support = Levels(5)
    x = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0, 0.26, 0.2501, -0.25, 1.25, float("nan")])
    assert support.check(x).tolist() == [True] * 5 + [False] * 5
    assert support.is_discrete


def pixels():
    return np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize(
    "x",
    [
        torch.from_numpy(pixels()).float() / 255,
        torch.from_numpy(pixels()).float() * (1 / 255),
        torch.from_numpy((pixels() / 255).astype(np.float32)),
        torch.from_numpy(pixels().astype(np.float32) / np.float32(255)),
        torch.from_numpy(pixels()).double() / 255,
        (torch.from_numpy(pixels()).float() / 255).double(),
    ],
    ids=["divided", "multiplied", "from-double", "numpy", "double", "to-double"],
)
def test_eight_bit_pixels_are_on_the_grid_however_divided(x):
    assert Levels(256).check(x).all()
    # A fiftieth of a level off is not rounding.
    assert not Levels(256).check(x + 0.02 / 255).any()
    p = DiscretizedLogistic(torch.tensor(0.4), torch.tensor(0.2), validate_args=True)
    exact = p.log_prob(grid(256))
    torch.testing.assert_close(p.log_prob(x).double(), exact.double(), rtol=1e-5, atol=1e-5)


def test_two_grids_are_equal_if_they_have_the_same_levels():
    assert Levels(5) == Levels(5)
    assert hash(Levels(5)) == hash(Levels(5))
    assert Levels(5) != Levels(6)


@parts
def test_values_off_the_grid_are_refused(make):
    p = make()
    assert p.support.is_discrete
    p = p.expand((2,))
    assert p._validate_args
    with pytest.raises(ValueError, match="support"):
        p.log_prob(torch.tensor([0.0, 0.5001]))


def test_validation_can_be_turned_off():
    p = LevelCategorical(torch.zeros(3), validate_args=False)
    assert p.log_prob(torch.tensor(0.4)).item() == pytest.approx(-math.log(3))


@pytest.mark.parametrize("levels", [0, 1, 2.5])
def test_fewer_than_two_levels_are_refused(levels):
    with pytest.raises(ValueError, match=f"levels: .* at least 2, got {levels}"):
        DiscretizedLogistic(0.0, 1.0, levels=levels)


def test_one_logit_is_refused():
    with pytest.raises(ValueError, match="levels: .* at least 2, got 1"):
        LevelCategorical(torch.zeros(3, 1))


def test_a_scale_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match="scale"):
        DiscretizedLogistic(torch.zeros(2), torch.tensor([1.0, 0.0]))


# Probabilities


@parts
def test_probabilities_sum_to_one(make):
    total = make().log_prob(grid(LEVELS)).exp().sum()
    assert total.item() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("scale", [1e-6, 1e-4, 1e-2, 1.0, 100.0])
@pytest.mark.parametrize("loc", [-2.0, 0.0, 0.1234, 0.5, 1.0, 1.3])
def test_logistic_sums_to_one_in_float32_at_any_scale(loc, scale):
    p = DiscretizedLogistic(torch.tensor(loc), torch.tensor(scale))
    total = p.log_prob(grid(256, torch.float32)).double().exp().sum()
    # 256 terms, each right to some 1e-6 of itself.
    assert total.item() == pytest.approx(1.0, abs=1e-5)


def test_logistic_by_hand():
    p = PARTS["logistic"]()
    edges = (torch.arange(LEVELS + 1, dtype=DOUBLE) - 0.5) / (LEVELS - 1)
    cdf = torch.sigmoid((edges - 0.3) / 0.1)
    cdf[0], cdf[-1] = 0.0, 1.0
    torch.testing.assert_close(p.log_prob(grid(LEVELS)).exp(), cdf.diff())


def test_categorical_is_pytorchs_by_index():
    logits = torch.randn(4, 3, 6)
    index = torch.randint(6, (4, 3))
    expected = torch.distributions.Categorical(logits=logits).log_prob(index)
    # Both normalise the logits, in another order.
    torch.testing.assert_close(LevelCategorical(logits).log_prob(index / 5), expected)
    # Leading dimensions of values are new ones.
    several = torch.randint(6, (2, 4, 3))
    assert LevelCategorical(logits).log_prob(several / 5).shape == (2, 4, 3)


def test_mixture_is_the_weighted_sum():
    loc = torch.tensor([0.1, 0.5, 0.9], dtype=DOUBLE)
    scale = torch.tensor([0.05, 0.01, 0.3], dtype=DOUBLE)
    each = [DiscretizedLogistic(m, s, levels=LEVELS) for m, s in zip(loc, scale, strict=True)]
    expected = sum(
        w * p.log_prob(grid(LEVELS)).exp() for w, p in zip([0.2, 0.5, 0.3], each, strict=True)
    )
    torch.testing.assert_close(PARTS["mixture"]().log_prob(grid(LEVELS)).exp(), expected)


@parts
def test_mean_and_variance_are_the_sums(make):
    p, x = make(), grid(LEVELS)
    probs = p.log_prob(x).exp()
    mean = (probs * x).sum()
    torch.testing.assert_close(p.mean, mean)
    torch.testing.assert_close(p.variance, (probs * (x - mean) ** 2).sum())


@parts
def test_draws_have_these_probabilities(make):
    p, n = make(), 20_000
    draws = p.sample((n,))
    assert p.support.check(draws).all()
    observed = torch.bincount((draws * (LEVELS - 1)).round().long(), minlength=LEVELS).double()
    expected = n * p.log_prob(grid(LEVELS)).exp()
    keep = expected > 5
    assert observed[~keep].sum() <= 60
    chi_square = ((observed - expected)[keep] ** 2 / expected[keep]).sum().item()
    # Chi-square with at most 7 degrees of freedom: 29.9 is exceeded once in 10,000 times.
    assert chi_square < 29.9


def test_mode_of_a_categorical():
    p = LevelCategorical(torch.tensor([[0.0, 2.0, 1.0], [3.0, 2.0, 1.0]]))
    assert p.mode.tolist() == [0.5, 0.0]


def test_levels_can_be_enumerated():
    p = LevelCategorical(torch.zeros(4, 3))
    assert p.enumerate_support().shape == (3, 4)
    assert p.enumerate_support(expand=False).flatten().tolist() == [0.0, 0.5, 1.0]


# float32


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e6])
@pytest.mark.parametrize("loc", [-1e4, 0.0, 0.5, 1.0, 1e4])
@pytest.mark.parametrize("x", [0.0, 128 / 255, 1.0])
def test_logistic_is_finite_with_its_gradients_at_extremes(x, loc, scale):
    loc, scale = torch.tensor(loc, requires_grad=True), torch.tensor(scale, requires_grad=True)
    log_prob = DiscretizedLogistic(loc, scale).log_prob(torch.tensor(x))
    log_prob.backward()
    assert log_prob.isfinite()
    assert log_prob.item() <= 0
    assert loc.grad.isfinite()
    assert scale.grad.isfinite()


def test_logistic_keeps_its_digits_where_the_difference_has_lost_them():
    # Fifty scales off: in float32 both sigmoids are 1 and their difference is 0.
    x, loc, scale = torch.tensor(1.0 - 1 / 255), torch.tensor(0.0), torch.tensor(0.02)
    single = DiscretizedLogistic(loc, scale).log_prob(x).item()
    half, y = 0.5 / 255, x.double().item()
    # In the far tail the logistic's probability is an exponential's.
    expected = -(y - half) / 0.02 + math.log1p(-math.exp(-2 * half / 0.02))
    assert single == pytest.approx(expected, rel=1e-5)


def test_a_tiny_scale_gives_its_level_everything():
    p = DiscretizedLogistic(torch.tensor(100 / 255), torch.tensor(1e-6))
    assert p.log_prob(torch.tensor(100 / 255)).item() == pytest.approx(0.0, abs=1e-6)
    assert p.sample((100,)).unique().tolist() == pytest.approx([100 / 255])
    assert p.mean.item() == pytest.approx(100 / 255, abs=1e-6)


def test_mixture_is_finite_where_one_component_has_nothing():
    loc = torch.tensor([0.0, 1e4, -1e4], requires_grad=True)
    p = mixture(loc, torch.full((3,), 1e-4), 256)
    log_prob = p.log_prob(torch.tensor([0.0, 0.2, 1.0]))
    log_prob.sum().backward()
    assert log_prob.isfinite().all()
    assert loc.grad.isfinite().all()


def test_categorical_is_finite_at_extremes():
    logits = torch.tensor([-1e4, 0.0, 1e4], requires_grad=True)
    log_prob = LevelCategorical(logits).log_prob(torch.tensor([0.0, 0.5, 1.0]))
    log_prob.sum().backward()
    assert log_prob.tolist() == [-2e4, -1e4, 0.0]
    assert logits.grad.isfinite().all()


# In Pyro's hands


@parts
def test_they_stay_themselves_in_a_plate_and_masked(make):
    mask = torch.tensor([True, False, True, True, False])

    def program():
        with pyro.plate("data", 5), poutine.mask(mask=mask):
            pyro.sample("x", make().expand((1,)), obs=torch.ones(5, dtype=DOUBLE))

    trace = poutine.trace(program).get_trace()
    trace.compute_log_prob()
    fn = trace.nodes["x"]["fn"]
    assert type(fn) is type(make())
    assert fn.batch_shape == (5,)
    assert fn.sample().shape == (5,)
    assert fn.support == make().support
    expected = make().log_prob(torch.ones((), dtype=DOUBLE)) * mask
    torch.testing.assert_close(trace.nodes["x"]["log_prob"], expected)


@parts
def test_as_a_block_they_add_up(make):
    p = make().expand((3, 2)).to_event(1)
    x = grid(LEVELS)[:6].reshape(3, 2)
    assert p.event_shape == (2,)
    torch.testing.assert_close(p.log_prob(x), make().log_prob(x).sum(1))
