"""The likelihoods with a location and a scale, those with heavy tails among them."""

import math

import pytest
import torch
from small_likelihoods import DATA, made, positive, summed
from torch import distributions as torchs

from pyrovae.likelihoods import (
    BetaLikelihood,
    DiscretizedLogisticLikelihood,
    HyperbolicSecantLikelihood,
    LaplaceLikelihood,
    NegativeBinomialLikelihood,
    NormalLikelihood,
    StudentTLikelihood,
)
from pyrovae.nn import MLP


@pytest.mark.parametrize("scale", [0.5, "learned", "predicted"])
@pytest.mark.parametrize(
    ("cls", "family", "options"),
    [
        (NormalLikelihood, torchs.Normal, {}),
        (LaplaceLikelihood, torchs.Laplace, {}),
        (StudentTLikelihood, lambda loc, s: torchs.StudentT(3.0, loc, s), {"df": 3.0}),
    ],
)
def test_location_and_scale_are_pytorchs(cls, family, options, scale):
    likelihood = made(cls, scale=scale, min_scale=0.1, **options)
    z, x = torch.randn(5, 2), torch.randn(5, *DATA)
    y = likelihood.network(z)
    if scale == "predicted":
        loc, expected = y[:, :2], positive(y[:, 2:]) + 0.1
    elif scale == "learned":
        with torch.no_grad():
            likelihood.raw_scale.fill_(0.7)
        loc, expected = y, positive(torch.tensor(0.7)) + 0.1
    else:
        loc, expected = y, torch.tensor(0.5)
    p = likelihood(z)
    torch.testing.assert_close(p.log_prob(x), summed(family(loc, expected).log_prob(x)))
    torch.testing.assert_close(p.mean, loc)


LINES = [NormalLikelihood, LaplaceLikelihood, HyperbolicSecantLikelihood, StudentTLikelihood]


@pytest.mark.parametrize("cls", LINES)
def test_densities_on_the_line_integrate_to_one_and_draws_match(cls):
    p = made(cls, torch.Size([1]), scale="predicted").double()(torch.randn(1, 2).double())
    # The midpoint rule in t, x = tan t, which reaches into the tails.
    n = 100_000
    t = (torch.arange(n).double() + 0.5) / n * math.pi - math.pi / 2
    x, weights = t.tan(), math.pi / n / t.cos() ** 2
    mass = p.log_prob(x.unsqueeze(1)).exp() * weights
    # The Laplace density has a corner, which costs the square of the step.
    assert mass.sum().item() == pytest.approx(1.0, abs=1e-6)
    assert (mass * x).sum().item() == pytest.approx(p.mean.item(), abs=1e-4)
    draws = p.sample((20_000,)).flatten().sort().values
    empirical = torch.searchsorted(draws, x) / len(draws)
    # Kolmogorov and Smirnov: 2.23 / sqrt(n) = 0.0158 is exceeded once in 10,000 times.
    assert (mass.cumsum(0) - empirical).abs().max().item() < 0.0158


DISPERSED = [BetaLikelihood, NegativeBinomialLikelihood]
SCALED = [*LINES, DiscretizedLogisticLikelihood, *DISPERSED]
LEARNED = [
    (cls, kind)
    for cls in SCALED
    for kind in ("learned", "per_feature", "predicted")
    # Which has one for all variables.
    if (cls, kind) != (DiscretizedLogisticLikelihood, "per_feature")
]
BY_NETWORKS = [
    (NormalLikelihood, MLP(2, [], DATA)),
    (NegativeBinomialLikelihood, MLP(1, [], DATA)),
]


@pytest.mark.parametrize("initial", [0.02, 0.3, 50.0, 1e6])
@pytest.mark.parametrize(("cls", "kind"), [*LEARNED, *BY_NETWORKS])
def test_scales_begin_where_they_are_told(cls, kind, initial):
    name = cls.scale_name
    likelihood = made(cls, **{name: kind, f"min_{name}": 0.01, f"initial_{name}": initial})
    with torch.no_grad():
        for part in likelihood.modules():
            if isinstance(part, torch.nn.Linear):
                part.weight.zero_()
                part.bias.zero_()
    _, scale = likelihood.location_and_scale(torch.randn(5, 2))
    # Single precision, of which 0.01 is taken from 0.02 and added again.
    torch.testing.assert_close(scale, torch.full_like(scale, initial), rtol=1e-5, atol=0)


@pytest.mark.parametrize(
    ("initial", "scale", "message"),
    [
        (0.1, "learned", "expected a number above min_{}=0.1 and of at most 1e.08, got 0.1"),
        (1e9, "predicted", "expected a number above .*, got 1000000000.0"),
        (math.nan, "predicted", "expected a number above .*, got nan"),
        (0.5, 0.3, "expected one only beside a learned or predicted {}, got 0.5 beside 0.3"),
    ],
)
@pytest.mark.parametrize("cls", SCALED)
def test_scales_that_cannot_begin_there_are_refused(cls, initial, scale, message):
    name = cls.scale_name
    options = {name: scale, f"min_{name}": 0.1, f"initial_{name}": initial}
    with pytest.raises(ValueError, match=f"^initial_{name}: {message.format(name)}"):
        made(cls, **options)
