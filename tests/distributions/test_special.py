"""The helpers that cancel large terms on paper, against a hundred digits."""

import mpmath as mp
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numbers_of_networks import single, sizes
from references import exact

from pyrovae.distributions import special

# In units of a rounding: of the largest of the few terms that a form has, each as large as the
# result (and of 1, for those that pass through 0).
ROUNDINGS = 8
DTYPES = [torch.float32, torch.float64]


def close(found, expected, floor=1.0, roundings=ROUNDINGS):
    eps = torch.finfo(found.dtype).eps
    return abs(exact(found) - expected) <= roundings * eps * (abs(expected) + floor)


@pytest.mark.parametrize("dtype", DTYPES)
@given(x=sizes, b=st.one_of(sizes, st.sampled_from([0.5, 1.0, 31.0])))
def test_stirling_and_differences(dtype, x, b):
    x, b = torch.tensor(x, dtype=dtype), torch.tensor(b, dtype=dtype)
    a, c = exact(x), exact(b)
    left = lambda y: mp.loggamma(1 + y) - y * mp.log(y) + y
    # The direct form for small numbers has terms of up to 5 in single precision, 30 in double.
    terms = 5 if dtype == torch.float32 else 30
    assert close(special.stirling(x), left(a), terms, 2)
    assert close(special.stirling_difference(x, b), left(a + c) - left(a), terms, 2)
    assert close(special.stirling_slope(x), mp.digamma(1 + a) - mp.log(a))
    logs = 1 + abs(mp.log(a)) + c
    assert close(special.lgamma_difference(x, b), mp.loggamma(a + c) - mp.loggamma(a), logs)
    # Relative to itself, unless the difference is small beside the slopes at both ends.
    floor = min(1, 10 / a) if c < a else 0
    assert close(special.digamma_difference(x, b), mp.digamma(a + c) - mp.digamma(a), floor)


@given(x=sizes)
def test_slopes_are_those_of_the_functions(x):
    x = torch.tensor(x, requires_grad=True)
    (slope,) = torch.autograd.grad(special.stirling(x), x)
    torch.testing.assert_close(slope, special.stirling_slope(x.detach()), rtol=2e-6, atol=2e-6)
    (slope,) = torch.autograd.grad(special.lgamma_difference(x, 2.5), x)
    expected = special.digamma_difference(x.detach(), 2.5)
    torch.testing.assert_close(slope, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
@given(x=st.one_of(sizes, st.just(0.0)), m=sizes, near=single(-0.5, 0.5))
def test_deviance(dtype, x, m, near):
    for mean in (m, max(x, 1e-8) * (1 + near)):
        x_, m_ = torch.tensor(x, dtype=dtype), torch.tensor(mean, dtype=dtype)
        a, b = exact(x_), exact(m_)
        expected = (a * mp.log(a / b) if a else 0) + b - a
        found = special.deviance(x_, m_)
        # Relative to itself, that is to nothing larger, where x is the mean.
        assert abs(exact(found) - expected) <= 20 * torch.finfo(dtype).eps * expected
        assert found >= 0


@pytest.mark.parametrize("dtype", DTYPES)
@given(a=st.one_of(sizes, st.just(0.0), single(0.375, 0.625)))
def test_log_expm1_ratio(dtype, a):
    x = torch.tensor(a, dtype=dtype, requires_grad=True)
    y = exact(x.detach())
    expected = mp.log((1 - mp.exp(-y)) / y) if y else mp.mpf(0)
    found = special.log_expm1_ratio(x)
    assert close(found.detach(), expected, floor=0)
    (slope,) = torch.autograd.grad(found, x)
    expected = mp.exp(-y) / (1 - mp.exp(-y)) - 1 / y if y else -mp.mpf(1) / 2
    assert close(slope, expected, floor=0, roundings=30)


@given(a=sizes)
def test_log_gamma_draws_have_their_mean_and_slope(a):
    n = 20_000
    x = torch.full((n,), a, requires_grad=True)
    torch.manual_seed(1)
    draws = special.log_standard_gamma(x)
    # E[log g] = digamma(a), with variance trigamma(a): six standard errors.
    mean, spread = float(mp.digamma(exact(torch.tensor(a)))), float(mp.psi(1, a)) ** 0.5
    assert abs(draws.mean().item() - mean) < 6 * spread / n**0.5 + 1e-6 * abs(mean)
    (slopes,) = torch.autograd.grad(draws.sum(), x)
    error = slopes.double().std().item() / n**0.5
    expected = spread**2
    # The gradient of a gamma's draw is PyTorch's, to a few in a thousand.
    assert abs(slopes.double().mean().item() - expected) < 6 * error + 5e-3 * expected


@given(common=st.floats(-8, 8), at=st.lists(single(-5, 5), min_size=2, max_size=6))
def test_what_logits_have_in_common_takes_no_digits(common, at):
    logits = torch.tensor(at) + torch.tensor(10.0**common)
    found = special.normalized(logits)
    expected = logits.double().log_softmax(-1)
    torch.testing.assert_close(found.double(), expected, rtol=1e-6, atol=1e-6)


def test_half_precision_is_widened_and_nothing_else():
    for dtype in (torch.bfloat16, torch.float16):
        assert special.at_least_single(torch.ones(2, dtype=dtype)).dtype == torch.float32
    x = torch.ones(2, dtype=torch.float64)
    assert special.at_least_single(x) is x
