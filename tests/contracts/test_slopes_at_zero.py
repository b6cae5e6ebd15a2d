"""A network whose last layer is of zeros learns: no density is flat there but where it is so."""

import pytest
import torch
from numbers_of_networks import Constant
from registry import (
    AROUND,
    DATA,
    KINDS,
    LATENT,
    LIKELIHOODS,
    ONE_WAY,
    POINTS,
    POSTERIORS,
    data_for,
)

from pyrovae.distributions import ContinuousBernoulli

STEP = 1e-6
MOST = 40  # directions


def ways(n):
    """Each number's own direction; or, of many numbers, some that move all of them."""
    if n <= MOST:
        return torch.eye(n).double()
    return torch.randn(MOST, n, generator=torch.Generator().manual_seed(2)).sign().double()


def by_differences(f, output, directions):
    """Slopes by central differences, in double precision: right to some 1e-8."""
    slopes = []
    for direction in directions.view(-1, *output.shape):
        found = []
        for step in (STEP, -STEP):
            output.copy_(step * direction)
            found.append(f().item())
        output.zero_()
        slopes.append((found[0] - found[1]) / (2 * STEP))
    return torch.tensor(slopes).double()


def with_zeros(made, network):
    options = {k: v for k, v in made.init_args.items() if k != "network"}
    return type(made)(network, **options).double()


def check(f, output):
    (gradient,) = torch.autograd.grad(f(), output)
    directions = ways(output.numel())
    expected = by_differences(f, output.data, directions)
    torch.testing.assert_close(directions @ gradient.view(-1), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", [name for name in LIKELIHOODS if name not in AROUND])
def test_of_likelihoods(name):
    made = LIKELIHOODS[name]()
    shape = made.network.out_shape
    p = with_zeros(made, Constant(LATENT, shape, [0.0] * shape.numel()))
    torch.manual_seed(1)
    x, z = data_for(name, (2,), torch.float64), torch.zeros(2, LATENT).double()
    weights = torch.linspace(1, 2, DATA.numel()).double().view(DATA)
    check(lambda: p(z).log_prob(x).sum(), p.network.output)
    if not name.startswith(
        ("ColumnsLikelihood", "TokensLikelihood")
    ):  # the most probable level jumps
        check(lambda: (weights * p(z).mean).sum(), p.network.output)


@pytest.mark.parametrize(
    "name",
    # A direction of no length has none, and a code is a point.
    [
        n
        for n in POSTERIORS
        if n not in ONE_WAY | POINTS | AROUND and KINDS.get(n) not in ("sphere", "circle")
    ],
)
def test_of_posteriors(name):
    made = POSTERIORS[name]()
    shape = made.network.out_shape
    torch.manual_seed(1)
    q = with_zeros(made, Constant(1, shape, [0.0] * shape.numel()))
    x = torch.zeros(4, 1).double()
    value = q(x).sample().clone()
    check(lambda: q(x).log_prob(value).sum(), q.network.output)


def test_of_the_continuous_bernoullis_other_functions():
    logit = torch.zeros(1).double().requires_grad_()
    other = ContinuousBernoulli(torch.tensor([0.7]).double())
    u = torch.tensor([0.3]).double()
    for f in (
        lambda p: p.variance,
        lambda p: p.entropy(),
        lambda p: p.cdf(u),
        lambda p: p.icdf(u),
        lambda p: torch.distributions.kl_divergence(p, other),
        lambda p: torch.distributions.kl_divergence(other, p),
    ):
        check(lambda f=f: f(ContinuousBernoulli(logit)).sum(), logit)
