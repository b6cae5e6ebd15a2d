"""Posteriors from any output of an unbounded network: finite, and right about their own draws."""

import math

import mpmath as mp
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numbers_of_networks import Constant, signed, single, sizes, vectors
from registry import AROUND, KINDS, POSTERIORS
from torch.distributions import kl_divergence

from pyrovae.distributions import LowRankNormal, Normal, RelaxedOneHots
from pyrovae.distributions.flow import Flow, Reflections
from pyrovae.distributions.normal import resolution
from pyrovae.posteriors import (
    FullNormalPosterior,
    HouseholderPosterior,
    IAFPosterior,
    LowRankNormalPosterior,
    NormalPosterior,
    RiemannianNormalPosterior,
    WrappedNormalPosterior,
)

N = 4
# The posteriors that the registry makes, and the size of their networks' output.
MADE = {name: make() for name, make in POSTERIORS.items() if name not in AROUND}
NORMALS = {
    "NormalPosterior": NormalPosterior,
    "LowRankNormalPosterior": LowRankNormalPosterior,
    "FullNormalPosterior": FullNormalPosterior,
    "HouseholderPosterior": HouseholderPosterior,
}


def in_double_precision(q):
    """The same normal, of the same numbers."""
    if isinstance(q, LowRankNormal):
        wide = (q.loc.double(), q.cov_factor.double(), q.cov_diag.double())
        return torch.distributions.LowRankMultivariateNormal(*wide)
    if isinstance(q, torch.distributions.MultivariateNormal):
        return torch.distributions.MultivariateNormal(
            q.loc.double(), scale_tril=q.scale_tril.double()
        )
    base = q.base_dist.base_dist if isinstance(q, Flow) else q.base_dist
    wide = Normal(base.loc.double(), base.scale.double()).to_event(1)
    if not isinstance(q, Flow):
        return wide
    return Flow(wide, [Reflections(t.u_unnormed.double()) for t in q.transforms])


def outputs(n):
    return st.one_of(vectors(n), st.lists(signed, min_size=n, max_size=n))


def with_output(name, numbers, dtype=torch.float32):
    """The registry's posterior with a network that puts out these numbers."""
    made = MADE[name]
    options = {k: v for k, v in made.init_args.items() if k != "network"}
    network = Constant(1, made.network.out_shape, numbers, dtype)
    torch.manual_seed(0)
    return type(made)(network, **options)


@pytest.mark.parametrize("name", MADE)
@given(data=st.data())
def test_draws_and_densities_are_finite_with_their_gradients(name, data):
    numbers = data.draw(outputs(MADE[name].network.out_shape.numel()))
    posterior = with_output(name, numbers)
    q = posterior(torch.zeros(8, 1))
    torch.manual_seed(1)
    z = q.rsample() if q.has_rsample else q.sample()
    log_q = q.log_prob(z)
    assert z.isfinite().all()
    assert log_q.isfinite().all()
    assert q.support.check(z).all()
    if log_q.requires_grad:
        log_q.mean().backward(retain_graph=True)
        assert posterior.network.output.grad.isfinite().all()
    if q.has_rsample and KINDS.get(name) != "code":
        # Unequal weights: the coordinates of a point on the simplex always add up to one.
        (z * torch.arange(1.0, 4.0)).mean().backward()
        assert posterior.network.output.grad.isfinite().all()


@pytest.mark.parametrize("cls", NORMALS.values(), ids=list(NORMALS))
@given(data=st.data())
def test_a_normals_draws_have_its_density(cls, data):
    shape = cls.network_shape(N)
    network = Constant(1, shape, data.draw(outputs(shape.numel())))
    q = cls(network)(torch.zeros(1, 1))
    torch.manual_seed(3)
    z = q.rsample((4000,)).detach()
    exact = in_double_precision(q)
    # A draw of n variables has log q = its highest value - chi^2 / 2, with n degrees of freedom,
    # of which the mean is n and the variance 2 n: six standard errors, and what a rounding of the
    # draw, below a hundredth of a deviation in each variable, adds at most.
    highest = q.log_prob(q.mean.expand(1, N)).double()
    squares = 2 * (highest - q.log_prob(z).double())
    scale = abs(highest.item())
    assert abs(squares.mean().item() - N) < 6 * (2 * N / 4000) ** 0.5 + 1e-2 + 1e-6 * scale
    assert squares.min() > -1e-3 - 1e-6 * scale
    # And the density is that of the same normal in double precision, up to what a rounding of the
    # draw, and of the reflections, is to the smallest deviation: 2^-24 / 2^-16.
    tolerance = 0.05 * (1 + squares.max().item()) + 1e-5 * scale
    assert (q.log_prob(z) - exact.log_prob(z.double())).abs().max() < tolerance


@given(numbers=outputs(IAFPosterior.network_shape(N, context_features=3).numel()))
def test_a_flows_draws_are_scored_by_their_noise(numbers):
    torch.manual_seed(0)
    network = Constant(1, len(numbers), numbers)
    q = IAFPosterior(network, context_features=3, hidden=(6,))(torch.zeros(1, 1))
    z = q.rsample((50,))
    found, noise = q.log_prob(z), z
    # The transforms remember what they made the draw of, layer by layer.
    jacobian = 0.0
    for transform in reversed(q.transforms):
        before = transform._cached_x_y[0]
        assert transform._cached_x_y[1] is noise
        jacobian = jacobian + transform.log_abs_det_jacobian(before, noise)
        noise = before
    torch.testing.assert_close(found, q.base_dist.log_prob(noise) - jacobian, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("size", [0.0, 1.0, 3.0, 10.0, 30.0])
def test_a_value_that_no_longer_shows_its_noise_has_no_density_under_a_flow(size):
    """Draws scored by their noise, and as values from elsewhere: alike, or NaN, and not by 1e8."""
    count, features = IAFPosterior.network_shape(N, context_features=3).numel(), 0
    lost = off = 0
    for seed in range(10):
        torch.manual_seed(seed)
        network = Constant(1, (count,), (size * torch.randn(count)).tolist())
        q = IAFPosterior(network, context_features=3, hidden=(6,))(torch.zeros(1, 1))
        z = q.rsample((100,))
        own, found = q.log_prob(z), q.log_prob(z.detach().clone())
        lost += int(found.isnan().sum())
        off += int(((found - own).abs() > 0.1 * (1 + own.abs())).sum())
        features += len(z)
    # A hundredth of the noise's scale, of a draw six of these away, is 0.06 nats.
    assert off <= 0.01 * features
    assert (lost > 0) == (size >= 10) or size == 3.0


@given(
    loc=st.lists(single(-2, 2), min_size=3, max_size=3),
    factor=st.lists(single(-2, 2), min_size=6, max_size=6),
    log_diagonal=st.lists(st.floats(-8, 2), min_size=3, max_size=3),
    value=st.lists(single(-4, 4), min_size=3, max_size=3),
)
def test_low_rank_density_and_divergence(loc, factor, log_diagonal, value):
    mean, w = torch.tensor(loc), torch.tensor(factor).view(3, 2)
    d = 10.0 ** torch.tensor(log_diagonal)
    q = LowRankNormal(mean, w, d)
    d = mp.matrix(q.cov_diag.tolist())
    covariance = mp.matrix(w.tolist()) * mp.matrix(w.tolist()).T + mp.diag(list(d))
    difference = mp.matrix(value) - mp.matrix(loc)
    with mp.workdps(80):
        square = (difference.T * mp.inverse(covariance) * difference)[0]
        log_det = mp.log(mp.det(covariance))
    expected = -(square + log_det + 3 * mp.log(2 * mp.pi)) / 2
    found = q.log_prob(torch.tensor(value))
    # The difference is exact in double precision but for a rounding of each coordinate.
    rounding = 4e-7 * float(mp.sqrt(square) / mp.sqrt(min(d)) + abs(expected) + 1)
    assert abs(found.item() - expected) < rounding
    p = Normal(torch.zeros(3), torch.ones(3)).to_event(1)
    trace = sum(covariance[i, i] for i in range(3))
    norm = sum(mp.mpf(m) ** 2 for m in loc)
    expected = (trace + norm - 3 - log_det) / 2
    assert abs(kl_divergence(q, p).item() - expected) < 1e-6 * (1 + abs(expected) + norm)


def log_ratios(logits, temperatures, noise):
    """The logarithm of q / p on the simplex in double precision, from the Gumbel noise."""
    low, high = temperatures
    a = logits.double().log_softmax(-1)
    log_z = ((a + noise) / low).log_softmax(-1)

    def density(a, t):
        c = a.shape[-1]
        scores = (a - t * log_z).log_softmax(-1).sum(-1)
        return math.lgamma(c) + (c - 1) * math.log(t) + scores

    return density(a, low) - density(torch.zeros_like(a).log_softmax(-1), high)


@given(
    logits=st.one_of(vectors(5), st.lists(single(-12, 12), min_size=5, max_size=5)),
    temperature=st.floats(-2, 2).map(lambda k: torch.tensor(10.0**k).clamp(0.01, 100).item()),
    other=st.sampled_from([0.01, 0.1, 0.5, 1.0, 100.0]),
)
def test_relaxed_draws_are_scored_at_any_temperature(logits, temperature, other):
    a = torch.tensor(logits)
    # A category's logit counts as 1e5 below the largest at most.
    a = torch.maximum(a - a.max(), torch.tensor(-1e5))
    q = RelaxedOneHots(torch.tensor(temperature), a.clone().requires_grad_(), 1)
    p = RelaxedOneHots(torch.tensor(other), torch.zeros(5), 1)
    torch.manual_seed(4)
    z = q.rsample((400,))
    found = (q.log_prob(z) - p.log_prob(z)).double()
    torch.manual_seed(4)
    uniform = torch.rand(400, 1, 5)[:, 0].clamp(1.2e-7, 1 - 1.2e-7)
    expected = log_ratios(a, (temperature, other), -(-uniform.double().log()).log())
    # The logarithm of a small coordinate is known to 2e-5 of itself (an exponent near -70 is rounded
    # twice, by up to 7.6e-6, and multiplied by 1.2), which grows with the gap of the logits in units
    # of the temperature; for high temperatures the coordinates are rounded.
    gap = (a.max() - a.min()).item() + 20
    size = 5 * gap * (1 + (1 + other) / temperature) + 20 * max(temperature, other)
    error = (found.detach() - expected).abs().max().item()
    assert error < 2e-5 * size + 1e-4
    # A bound never exceeds what it bounds: log E_q[p / q] is 0, estimated from a sample that may
    # only miss where q is rare. Chebyshev does not hold for heavy tails; Markov's does: the
    # average is above 100 in one run of a hundred, and here the noise is always the same.
    assert (-found).logsumexp(0).item() - math.log(400) < math.log(100)
    (gradient,) = torch.autograd.grad(found.mean(), q.logits)
    assert gradient.isfinite().all()


def test_relaxed_divergence_by_hand():
    # One category 8 above nine others: at a temperature of 0.1 most coordinates underflow.
    logits = torch.tensor([8.0] + [0.0] * 9)
    q = RelaxedOneHots(torch.tensor(0.1), logits, 1)
    p = RelaxedOneHots(torch.tensor(0.1), torch.zeros(10), 1)
    z = q.sample((40_000,))
    ratio = q.log_prob(z) - p.log_prob(z)
    # By quadrature of the exact densities 6.89; the standard error of this mean is below 0.01.
    assert ratio.mean().item() == pytest.approx(6.89, abs=0.04)
    assert (-ratio.double()).logsumexp(0).item() < math.log(40_000)
    # Whoever keeps the draws can score them again, and on the simplex they are.
    again = z.clone().detach().view(200, 200, 10)
    assert torch.equal(q.log_prob(again), q.log_prob(z).view(200, 200))
    assert q.support.check(z).all()
    assert (z > 0).all()


@given(loc=signed, raw=signed)
def test_a_diagonal_scale_shows_in_a_draw(loc, raw):
    q = NormalPosterior(Constant(1, 2, [loc, raw]))(torch.zeros(1, 1))
    scale = q.stddev.item()
    assert scale >= resolution(torch.float32) * abs(loc)
    wanted = torch.nn.functional.softplus(torch.tensor(raw)).item() + 1e-6
    assert scale == pytest.approx(max(wanted, resolution(torch.float32) * abs(loc)), rel=1e-6)


@given(size=sizes)
def test_a_direction_of_any_length_is_one(size):
    name = "PowerSphericalPosterior"
    for vector in ([size, -size, size / 2], [0.0, 0.0, 0.0], [1e-30, 0.0, 1e-30]):
        q = with_output(name, [*vector, 5.0])(torch.zeros(2, 1))
        torch.testing.assert_close(q.loc.norm(dim=-1), torch.ones(2))


@pytest.mark.parametrize("posterior", [WrappedNormalPosterior, RiemannianNormalPosterior])
@pytest.mark.parametrize("dimensions", [1, 2, 10, 100])
def test_scales_of_the_ball_have_a_gradient_wherever_they_are(posterior, dimensions):
    scales = []
    for raw in range(-8, 9):
        (size,) = posterior.network_shape(dimensions)
        network = Constant(1, size, [float(raw)] * size)
        scale = posterior(network)(torch.zeros(1, 1)).scale.flatten()[0]
        (slope,) = torch.autograd.grad(scale, network.output)
        assert slope.sum() > 0
        scales.append(scale.item())
    assert scales == sorted(set(scales))
    assert scales[0] > 0.01
