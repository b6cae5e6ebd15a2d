"""Densities of single variables in single precision, against a hundred digits, for all parameters."""

import mpmath as mp
import pyro.distributions as dist
import pytest
import references
import torch
from hypothesis import given
from hypothesis import strategies as st
from numbers_of_networks import rounded, signed, single, sizes
from references import exact

from pyrovae.distributions import (
    ContinuousBernoulli,
    GreyBernoulli,
    HyperbolicSecant,
    NegativeBinomial,
    Normal,
    Poisson,
    StretchedBeta,
    StudentT,
)

EPS, TINY = torch.finfo(torch.float32).eps, torch.finfo(torch.float32).tiny
MARGIN = rounded(0.002)

unit = st.one_of(single(0, 1), st.sampled_from([0.0, 1.0, 0.5]))
counts = st.one_of(
    st.integers(0, 20), st.integers(0, 2**24), st.floats(0, 7).map(lambda k: int(10**k))
).map(float)
locations = st.one_of(signed, single(-3, 3))

# Of each: how it is made of its parameters, the reference, the parameters, and the values.
FAMILIES = {
    "GreyBernoulli": (
        lambda logit: GreyBernoulli(logits=logit),
        references.Bernoulli,
        [signed],
        unit,
    ),
    "ContinuousBernoulli": (ContinuousBernoulli, references.ContinuousBernoulli, [signed], unit),
    "Normal": (Normal, references.Normal, [locations, sizes], locations),
    "Laplace": (dist.Laplace, references.Laplace, [locations, sizes], locations),
    "HyperbolicSecant": (
        HyperbolicSecant,
        references.HyperbolicSecant,
        [locations, sizes],
        locations,
    ),
    "StudentT": (
        StudentT,
        references.StudentT,
        [st.floats(0.01, 8).map(lambda k: rounded(10.0**k)), locations, sizes],
        locations,
    ),
    "StretchedBeta": (
        lambda a, b: StretchedBeta(a, b, margin=MARGIN),
        references.Beta,
        [sizes, sizes],
        unit,
    ),
    "Poisson": (Poisson, references.Poisson, [sizes], counts),
    "NegativeBinomial": (NegativeBinomial, references.NegativeBinomial, [sizes, sizes], counts),
}
FIXED = {"StretchedBeta": [mp.mpf(MARGIN)]}
# Near its peak a density changes by a rounding of the value: a beta's is rounded, once stretched,
# to EPS / 2, in units of a standard deviation of at least 1e-4 sqrt(x).
BESIDE = {"StretchedBeta": 2e-4}


def over(families=FAMILIES):
    return pytest.mark.parametrize("family", families)


def drawn(data, family):
    make, reference, parameters, values = FAMILIES[family]
    numbers = data.draw(st.tuples(*parameters))
    tensors = [torch.tensor(p, requires_grad=True) for p in numbers]
    return make(*tensors), reference, tensors, values


@over()
@given(data=st.data())
def test_density_and_its_slope(family, data):
    p, reference, tensors, values = drawn(data, family)
    x = torch.tensor(data.draw(values))
    found = p.log_prob(x)
    given_, fixed = [exact(t) for t in tensors], FIXED.get(family, [])
    expected = reference.log_prob(exact(x), *given_, *fixed)
    # A dozen roundings of the result, or of the logarithms of its parameters.
    scale = abs(expected) + 1 + sum(abs(mp.log(abs(g))) for g in given_ if g)
    if family == "GreyBernoulli" and x not in (0, 1):
        scale += abs(given_[0])  # (1 - x) a - log sigmoid(a), as PyTorch has it
    error = abs(found.item() - expected)
    assert error <= 12 * EPS * scale + BESIDE.get(family, 0) * (1 + min(abs(expected), 10))
    for number, gradient in zip(given_, torch.autograd.grad(found, tensors), strict=True):
        # What is more than a number can hold is that of a residual of 1e16 standard deviations.
        assert gradient.isfinite() or scale / abs(number) > 1e37


@over()
@given(data=st.data())
def test_mean_and_variance(family, data):
    p, reference, tensors, _ = drawn(data, family)
    given_, fixed = [exact(t) for t in tensors], FIXED.get(family, [])
    mean, variance = reference.mean(*given_, *fixed), reference.variance(*given_, *fixed)
    error = abs(p.mean.item() - mean)
    assert error <= 12 * EPS * (abs(mean) + (MARGIN if fixed else 0)) + TINY
    if abs(given_[0] - 2) > 1e-3 or family != "StudentT":  # of its df next to 2 digits cancel
        # 1 / 12 is the difference of 1 / eta^2 and another such number, from eta = 1 on.
        assert abs(p.variance.item() - variance) <= 30 * EPS * variance + TINY or variance > 3e38


@over()
@given(data=st.data())
def test_half_precision_is_read_and_not_calculated_in(family, data):
    make, _, parameters, values = FAMILIES[family]
    tensors = [torch.tensor(p) for p in data.draw(st.tuples(*parameters))]
    x = torch.tensor(data.draw(values)).bfloat16()
    p = make(*tensors)
    if p.support.check(x.float()):
        assert torch.equal(p.log_prob(x), p.log_prob(x.float()))


@given(logit=signed)
def test_continuous_bernoulli_integrates_to_one(logit):
    p = ContinuousBernoulli(torch.tensor(-abs(logit)))
    # Where it falls faster than over [0, 1], to e^-60, in steps of equal probability.
    size, n = abs(logit), 4000
    s = (torch.arange(n, dtype=torch.float64) + 0.5) / n
    x, width = s, torch.ones_like(s)
    if size > 1:
        shrunk = -torch.expm1(-torch.tensor(min(size, 60.0)).double())
        x = -torch.log1p(-s * shrunk) / size
        width = shrunk / size / (1 - s * shrunk)
    total = (p.log_prob(x.float()).double().exp() * width).mean().item()
    assert total == pytest.approx(1, abs=1e-4)
    # And the other way round.
    x = torch.tensor([0.0, 0.25, 0.5, 1.0])
    mirrored = ContinuousBernoulli(torch.tensor(abs(logit))).log_prob(1 - x)
    torch.testing.assert_close(p.log_prob(x), mirrored)


@pytest.mark.parametrize(
    ("p", "span"),
    [
        (StudentT(torch.tensor(1.5), torch.tensor(0.0), torch.tensor(1.0)), 1.0),
        (StudentT(torch.tensor(1e6), torch.tensor(1e4), torch.tensor(1e-1)), 1e-1),
        (Normal(torch.tensor(-3.0), torch.tensor(1e-3)), 1e-3),
        (HyperbolicSecant(torch.tensor(2.0), torch.tensor(1e-3)), 1e-3),
    ],
)
def test_densities_on_the_line_integrate_to_one(p, span):
    # x = loc + span tan(t): heavy tails end at a right angle.
    n = 20_000
    t = (torch.arange(n, dtype=torch.float64) + 0.5) / n * torch.pi - torch.pi / 2
    x = p.loc.double() + span * t.tan()
    q = type(p)(*(v.double() for v in ([p.df] if hasattr(p, "df") else []) + [p.loc, p.scale]))
    total = (q.log_prob(x).exp() * span / t.cos().square()).mean().item() * torch.pi
    assert total == pytest.approx(1, abs=1e-6)


@given(
    logit=st.floats(-3, 3).map(rounded),
    log_size=st.floats(1, 6),
)
def test_beta_integrates_to_one(logit, log_size):
    mean, size = torch.tensor(logit).double().sigmoid(), 10.0**log_size
    p = StretchedBeta(mean * size, (1 - mean) * size, margin=0.0, validate_args=False)
    # In the logit of x, around that of the mean and as far as it reaches.
    reach = max(20 * (1 / size + 1 / (mean * (1 - mean) * size)) ** 0.5, 1e-3)
    reach = min(float(reach), 300.0)
    n = 20_000
    t = torch.tensor(logit).double() + (torch.arange(n, dtype=torch.float64) + 0.5 - n / 2) * (
        2 * reach / n
    )
    x = t.sigmoid()
    inside = (x > 0) & (x < 1)
    x = torch.where(inside, x, 0.5)
    each = torch.where(inside, p.log_prob(x).exp() * x * (-t).sigmoid(), 0.0)
    # With a concentration of 0.5 there is 1e-7 where x is 1 in double precision.
    assert each.sum().item() * 2 * reach / n == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("mean", [1e-8, 1e-3, 0.5, 30.0, 300.0])
@pytest.mark.parametrize("dispersion", [1e-8, 1e-3, 1.0])
def test_counts_add_up_to_one(mean, dispersion):
    x = torch.arange(10_000.0)
    p = NegativeBinomial(torch.tensor(mean), torch.tensor(dispersion))
    # With a dispersion of 1 and a mean of 300 there is 1e-14 beyond.
    assert p.log_prob(x).double().exp().sum().item() == pytest.approx(1, abs=2e-6)
    total = Poisson(torch.tensor(mean)).log_prob(x).double().exp().sum().item()
    assert total == pytest.approx(1, abs=2e-6)


@given(mean=sizes, x=counts)
def test_a_negative_binomial_without_dispersion_is_the_poisson(mean, x):
    found = NegativeBinomial(torch.tensor(mean), torch.tensor(1e-30)).log_prob(torch.tensor(x))
    expected = Poisson(torch.tensor(mean)).log_prob(torch.tensor(x))
    torch.testing.assert_close(found, expected, rtol=2e-6, atol=2e-6)
