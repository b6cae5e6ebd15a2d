import pyro
import pytest
import torch
from pyro import poutine

from pyrovae.distributions import OpenInterval, StretchedBeta

DOUBLE = torch.float64


def beta(a, b, **options):
    return StretchedBeta(torch.tensor(a, dtype=DOUBLE), torch.tensor(b, dtype=DOUBLE), **options)


def test_without_a_margin_it_is_pytorchs():
    a, b = torch.rand(2, 50).double() + 0.01
    x = 0.01 + 0.98 * torch.rand(50).double()
    expected = torch.distributions.Beta(a, b, validate_args=False)
    p = StretchedBeta(a, b, validate_args=False)
    torch.testing.assert_close(p.log_prob(x), expected.log_prob(x))
    torch.testing.assert_close(p.mean, expected.mean)
    torch.testing.assert_close(p.variance, expected.variance)
    torch.testing.assert_close(p.entropy(), expected.entropy())


@pytest.mark.parametrize("margin", [0.0, 0.01, 0.5])
@pytest.mark.parametrize(("a", "b"), [(2.0, 5.0), (3.5, 1.5), (40.0, 60.0)])
def test_density_integrates_to_one(a, b, margin):
    p = beta(a, b, margin=margin)
    n = 200_000
    width = (1 + 2 * margin) / n
    x = -margin + (torch.arange(n, dtype=DOUBLE) + 0.5) * width
    density = p.log_prob(x).exp()
    # The midpoint rule: its error is of the order of the step, 5e-6, to the power 1.5 or more.
    assert (density.sum() * width).item() == pytest.approx(1.0, abs=1e-6)
    mean = (density * x).sum() * width
    assert p.mean.item() == pytest.approx(mean.item(), abs=1e-6)
    assert p.variance.item() == pytest.approx(
        ((density * (x - mean) ** 2).sum() * width).item(), abs=1e-6
    )
    entropy = -(density * p.log_prob(x)).sum() * width
    assert p.entropy().item() == pytest.approx(entropy.item(), abs=1e-5)
    assert p.mode.item() == pytest.approx(x[density.argmax()].item(), abs=2 * width)


def test_draws_match_the_density():
    p = beta(2.0, 5.0, margin=0.25)
    draws = p.sample((20_000,)).sort().values
    assert p.support.check(draws).all()
    x = torch.linspace(-0.25, 1.25, 3_001, dtype=DOUBLE)[1:-1]
    cdf = torch.cumulative_trapezoid(p.log_prob(x).exp(), x)
    empirical = torch.searchsorted(draws, x[1:]) / len(draws)
    # Kolmogorov and Smirnov: 2.23 / sqrt(n) = 0.0158 is exceeded once in 10,000 times.
    assert (cdf - empirical).abs().max().item() < 0.0158


def test_the_ends_are_refused_without_a_margin_and_inner_points_with_one():
    ends = torch.tensor([0.0, 1.0])
    assert not StretchedBeta(torch.ones(2), torch.ones(2)).support.check(ends).any()
    with pytest.raises(ValueError, match="support"):
        StretchedBeta(torch.ones(2), torch.ones(2), validate_args=True).log_prob(ends)
    p = StretchedBeta(torch.tensor(0.5), torch.tensor(3.0), margin=0.002, validate_args=True)
    assert p.log_prob(ends).isfinite().all()
    with pytest.raises(ValueError, match="support"):
        p.log_prob(torch.tensor(1.002))


def test_intervals_compare_by_their_bounds():
    assert OpenInterval(0, 1) == OpenInterval(0, 1)
    assert hash(OpenInterval(0, 1)) == hash(OpenInterval(0, 1))
    assert OpenInterval(0, 1) != OpenInterval(0, 2)


@pytest.mark.parametrize("concentration", [1e-6, 1e-2, 1e3, 1e6])
@pytest.mark.parametrize("x", [0.0, 1e-6, 0.5, 1.0])
def test_finite_with_gradients_at_extremes(x, concentration):
    a = torch.tensor(concentration, requires_grad=True)
    b = torch.tensor(1.0, requires_grad=True)
    log_prob = StretchedBeta(a, b, margin=0.002).log_prob(torch.tensor(x))
    log_prob.backward()
    assert log_prob.isfinite()
    assert a.grad.isfinite()
    assert b.grad.isfinite()


@pytest.mark.parametrize("margin", [0.0, 0.002, 0.1, 10.0])
def test_draws_at_the_ends_stay_inside(margin):
    p = StretchedBeta(torch.tensor(1e-3), torch.tensor(1e-3), margin=margin)
    draws = p.sample((1000,))
    assert p.support.check(draws).all()
    assert p.log_prob(draws).isfinite().all()


def test_draws_carry_gradients():
    a = torch.tensor(2.0, requires_grad=True)
    StretchedBeta(a, torch.tensor(3.0), margin=0.1).rsample((100,)).sum().backward()
    assert a.grad.item() > 0


@pytest.mark.parametrize("margin", [-0.1, float("inf"), float("nan")])
def test_a_margin_below_zero_is_refused(margin):
    with pytest.raises(ValueError, match="margin: expected a number of at least 0"):
        beta(1.0, 1.0, margin=margin)


def test_it_stays_itself_in_a_plate():
    def program():
        with pyro.plate("data", 5):
            return pyro.sample("x", beta(2.0, 3.0, margin=0.25))

    fn = poutine.trace(program).get_trace().nodes["x"]["fn"]
    assert isinstance(fn, StretchedBeta)
    assert fn.margin == 0.25
    assert fn.batch_shape == (5,)
    x = torch.full((5,), -0.1, dtype=DOUBLE)
    torch.testing.assert_close(fn.log_prob(x), beta(2.0, 3.0, margin=0.25).log_prob(x))
