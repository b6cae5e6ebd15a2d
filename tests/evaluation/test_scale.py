"""Data whose scale is far from where training begins are said so once, at the start."""

import re
import warnings

import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import FEATURES, binary_data, tiny_vae
from torch.utils.data import TensorDataset

from pyrovae.datasets import LoaderSplit, as_split
from pyrovae.evaluation.scale import Scale, check_scale
from pyrovae.likelihoods import LaplaceLikelihood, NormalLikelihood, PoissonLikelihood
from pyrovae.nn import MLP

CPU = torch.device("cpu")


def normal_data(n=200, *, scale=1.0, mean=0.0, dtype=torch.float32):
    x = torch.randn(n, FEATURES, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return (scale * x + mean).to(dtype)


def said(x, model=None):
    """The warnings, in one text."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_scale(model or tiny_vae(normal=True), as_split(x), CPU)
    assert len(caught) <= 1
    return str(caught[0].message) if caught else ""


@pytest.mark.parametrize("scale", [60.0, 1e-4, 1e8, 1e-8])
def test_scales_far_from_one(scale):
    text = said(normal_data(scale=scale))
    found = float(re.search("standard deviation of ([^ ]+) and", text)[1])
    # 800 draws: the deviation is off by 1 / sqrt(1600), four of which are a tenth.
    assert found == pytest.approx(scale, rel=0.1)
    assert "standardise the data, (x - x.mean(0)) / x.std(0)" in text
    assert "\n" not in text


@settings(max_examples=40, deadline=None)
@given(st.floats(0.1, 10), st.floats(-1, 1))
def test_usual_scales_are_not_mentioned(scale, shift):
    assert said(normal_data(scale=scale, mean=5 * scale * shift)) == ""


@settings(max_examples=40, deadline=None)
@given(st.floats(-12, 12).filter(lambda e: abs(e) > 1.5), st.sampled_from(["f4", "f8"]))
def test_all_scales_that_are_far_are_mentioned(exponent, dtype):
    dtype = torch.float32 if dtype == "f4" else torch.float64
    assert said(normal_data(scale=10.0**exponent, dtype=dtype)) != ""


def test_times_in_seconds():
    text = said(normal_data(scale=3600.0, mean=1.7e9, dtype=torch.float64))
    assert "means of up to 1.7e+09" in text


def test_means_far_from_zero():
    text = said(normal_data(mean=torch.tensor([0.0, 0.0, -100.0, 0.0])))
    # The mean of 200 draws is off by 0.07, four of which are well below one.
    assert float(re.search(r"means of up to ([^ ]+)\.", text)[1]) == pytest.approx(-100, abs=1)


def test_less_than_the_smallest_scale():
    vae = tiny_vae(normal=True)
    assert "below min_scale=0.001" in said(normal_data(scale=1e-4), vae)
    vae.likelihood = NormalLikelihood(MLP(2, [], FEATURES), min_scale=0.0)
    assert "min_scale" not in said(normal_data(scale=1e-4), vae)


def test_features_of_unlike_scales():
    x = normal_data() * torch.tensor([5.0, 1.0, 1.0, 1e-3])
    assert re.search("features go from 0.00[01].* to [45]", said(x))
    # A constant says nothing, and is no reason to divide by zero.
    assert said(normal_data() * torch.tensor([5.0, 1.0, 1.0, 0.0])) == ""


def test_grey_levels_and_single_data_are_not_mentioned():
    for x in (torch.rand(50, FEATURES), torch.rand(1, FEATURES), torch.zeros(9, FEATURES)):
        assert said(x) == ""
    images = torch.rand(60, FEATURES)
    images[:, 0] = 1.0  # a pixel that is always white
    assert said(0.2 * images + 0.6 * (images > 0.99)) == ""


def test_data_that_do_not_vary_far_from_zero():
    assert "the data are all alike, with values of up to 3e+06" in said(
        torch.full((20, FEATURES), 3e6)
    )
    assert "values of up to -50" in said(torch.full((1, FEATURES), -50.0))


def test_other_likelihoods():
    vae = tiny_vae(normal=True)
    vae.likelihood = LaplaceLikelihood(MLP(2, [], FEATURES))
    assert "deviation of" in said(normal_data(scale=60), vae)
    # Counts and bits have no scale to choose.
    vae.likelihood = PoissonLikelihood(MLP(2, [], FEATURES))
    assert said(torch.full((20, FEATURES), 500.0).cumsum(0), vae) == ""
    assert said(binary_data(), tiny_vae()) == ""


def test_data_that_are_read_from_a_loader_change_no_random_numbers():
    before = torch.get_rng_state()
    x = normal_data(scale=60)
    assert "deviation of" in said(LoaderSplit(TensorDataset(x)))
    assert torch.equal(torch.get_rng_state(), before)


def test_masked_values_do_not_count():
    class Masked(torch.nn.Module):
        """Observes values under a mask."""

        def model(self, x, mask):
            with pyro.plate("data", len(x)):
                fn = dist.Normal(torch.zeros(FEATURES), 1.0).mask(mask).to_event(1)
                pyro.sample("x", fn, obs=x)

        def guide(self, x, mask):
            pass

    x = normal_data()
    mask = torch.rand(x.shape) < 0.5
    hidden = torch.where(mask, x, 1e6)
    assert said((hidden, mask), Masked()) == ""
    assert said((60 * hidden, mask), Masked()) != ""


@settings(max_examples=50, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5),
    mean=st.floats(-1e9, 1e9),
    exponent=st.integers(-6, 6),
)
def test_moments_are_those_of_all_data(sizes, mean, exponent):
    x = normal_data(sum(sizes), dtype=torch.float64) * 10.0**exponent + mean
    mask = torch.rand(x.shape, generator=torch.Generator().manual_seed(1)) < 0.7
    for seen in (None, mask):
        scale = Scale()
        for part, m in zip(x.split(sizes), mask.split(sizes), strict=True):
            scale.see(part, None if seen is None else m)
        means, stds = scale.moments()
        for column in range(FEATURES):
            values = x[:, column] if seen is None else x[mask[:, column], column]
            if not len(values):
                continue
            # Doubles near 1e9 are 1e-7 apart, which the deviations of 1e-6 are made of.
            rounding = 1e-15 * (abs(mean) + 10.0**exponent)
            assert means[column].item() == pytest.approx(
                values.mean().item(), abs=1e3 * rounding, rel=1e-9
            )
            assert stds[column].item() == pytest.approx(
                values.std(correction=0).item(), abs=1e3 * rounding, rel=1e-6
            )
