"""Grey levels and counts of categories in single precision, for all that networks put out."""

import mpmath as mp
import pytest
import references
import torch
from hypothesis import given
from hypothesis import strategies as st
from numbers_of_networks import rounded, signed, single, sizes, vectors
from references import exact

from pyrovae.distributions import CountsGivenTotal, DiscretizedLogistic, LevelCategorical, Mixture
from pyrovae.distributions.special import normalized

EPS, LEVELS = torch.finfo(torch.float32).eps, 8
GRID = torch.arange(LEVELS) / (LEVELS - 1)

locations = st.one_of(signed, single(-0.5, 1.5))


@given(loc=locations, scale=sizes)
def test_discretized_logistic(loc, scale):
    loc, scale = torch.tensor(loc, requires_grad=True), torch.tensor(scale, requires_grad=True)
    p = DiscretizedLogistic(loc, scale, levels=LEVELS)
    found = p.log_prob(GRID)
    assert found.double().exp().sum().item() == pytest.approx(1, abs=2e-6)
    a, s = exact(loc.detach()), exact(scale.detach())
    with mp.workdps(400):
        each = [references.discretized_logistic(k, a, s, LEVELS) for k in range(LEVELS)]
        for log_prob, probability in zip(found, each, strict=True):
            # An edge is rounded beside the location, in units of the scale.
            edge = EPS * (1 + abs(a)) / s
            if probability > mp.mpf(10) ** -300:
                expected = mp.log(probability)
                assert abs(log_prob.item() - expected) <= 8 * EPS * (1 + abs(expected)) + 4 * edge
        levels = [mp.mpf(k) / (LEVELS - 1) for k in range(LEVELS)]
        mean = sum(x * w for x, w in zip(levels, each, strict=True))
        variance = sum((x - mean) ** 2 * w for x, w in zip(levels, each, strict=True))
    tolerance = 20 * EPS + 4 * min(edge, 1)
    assert abs(p.mean.item() - mean) <= tolerance
    # Relative to itself, however small, where the edges are.
    assert abs(p.variance.item() - variance) <= (20 * EPS + 8 * edge) * variance + 1e-37
    for gradient in torch.autograd.grad(found.sum() + p.mean + p.variance, [loc, scale]):
        assert gradient.isfinite()


@given(logits=vectors(3), locs=st.lists(locations, min_size=3, max_size=3), scale=sizes)
def test_mixtures_of_discretized_logistics_add_up_to_one(logits, locs, scale):
    weights = torch.distributions.Categorical(logits=normalized(torch.tensor(logits)))
    p = Mixture(weights, DiscretizedLogistic(torch.tensor(locs), scale, levels=LEVELS))
    assert p.log_prob(GRID).double().exp().sum().item() == pytest.approx(1, abs=4e-6)


@given(logits=vectors(LEVELS))
def test_level_categorical(logits):
    given_ = torch.tensor(logits, requires_grad=True)
    p = LevelCategorical(given_)
    expected = references.log_softmax([mp.mpf(a) for a in logits])
    found = p.log_prob(GRID)
    for a, b in zip(found, expected, strict=True):
        assert abs(a.item() - b) <= 8 * EPS * (1 + abs(b))
    mean = sum(mp.exp(b) * exact(x) for b, x in zip(expected, GRID, strict=True))
    variance = sum(mp.exp(b) * (exact(x) - mean) ** 2 for b, x in zip(expected, GRID, strict=True))
    assert abs(p.mean.item() - mean) <= 8 * EPS
    assert abs(p.variance.item() - variance) <= 16 * EPS
    assert torch.autograd.grad(found.sum(), given_)[0].isfinite().all()


totals = st.lists(
    st.one_of(st.integers(0, 5), st.integers(0, 2_000_000)).map(float), min_size=5, max_size=5
)


@given(logits=vectors(5), counts=totals)
def test_counts_given_their_total(logits, counts):
    given_ = torch.tensor(logits, requires_grad=True)
    found = CountsGivenTotal(given_).log_prob(torch.tensor(counts))
    expected = references.multinomial([mp.mpf(x) for x in counts], [mp.mpf(a) for a in logits])
    # Deviances of each count from what was expected, and what Stirling's formula leaves.
    assert abs(found.item() - expected) <= 20 * EPS * (1 + abs(expected)) + 1e-4
    (gradient,) = torch.autograd.grad(found, given_)
    total = sum(counts)
    log_p = references.log_softmax([mp.mpf(a) for a in logits])
    for a, x, b in zip(gradient, counts, log_p, strict=True):
        # x - n p: each is known to its own rounding.
        assert abs(a.item() - (x - total * mp.exp(b))) <= 30 * EPS * (1 + total)


@given(logits=vectors(4), total=st.integers(1, 1000))
def test_moments_of_counts(logits, total):
    p = CountsGivenTotal(torch.tensor(logits), total_count=total)
    log_p = references.log_softmax([mp.mpf(a) for a in logits])
    for k, b in enumerate(log_p):
        others = sum(mp.exp(c) for j, c in enumerate(log_p) if j != k)
        slack = 8 * EPS * (1 + min(abs(b), 100))
        assert abs(p.mean[k].item() - total * mp.exp(b)) <= slack * total * mp.exp(b) + 1e-37
        variance = total * mp.exp(b) * others
        assert abs(p.variance[k].item() - variance) <= 100 * slack * variance + 1e-35


@pytest.mark.parametrize("share", [1e-6, 0.3])
def test_two_million_counts_where_they_are_expected(share):
    # Off by 3.3 nats as a difference of factorials.
    n = 2_000_000
    first = round(n * share)
    counts, logits = (
        torch.tensor([first, n - first]).float(),
        torch.tensor([share, 1 - share]).log(),
    )
    expected = references.multinomial([exact(x) for x in counts], [exact(a) for a in logits])
    assert abs(CountsGivenTotal(logits).log_prob(counts).item() - expected) < 1e-5 * (
        1 + abs(expected)
    )
    assert rounded(expected) < 0
