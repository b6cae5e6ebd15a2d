"""Size factors, zeros of their own, and dispersions of features and batches."""

import mpmath as mp
import pytest
import references
import torch
from hypothesis import given
from hypothesis import strategies as st
from numbers_of_networks import Constant, signed
from small_likelihoods import DATA, made, positive, summed
from torch import distributions as torchs

from pyrovae.distributions import NegativeBinomial, Poisson, ZeroInflated
from pyrovae.likelihoods import (
    BernoulliLikelihood,
    MultinomialLikelihood,
    NegativeBinomialLikelihood,
    OffsetLikelihood,
    PoissonLikelihood,
    ZeroInflatedLikelihood,
)
from pyrovae.nn import MLP


def numbers(n=5, latents=2):
    return torch.randn(n, latents), torch.randint(20, (n, *DATA)).float()


def test_an_offset_multiplies_the_means():
    base = made(PoissonLikelihood)
    (z, x), offset = numbers(), torch.randn(5)
    p = OffsetLikelihood(base)(torch.cat([z, offset[:, None]], 1))
    rate = positive(base.network(z)) * offset.exp().view(5, 1, 1, 1)
    torch.testing.assert_close(p.mean, rate)
    torch.testing.assert_close(p.log_prob(x), summed(torchs.Poisson(rate).log_prob(x)))


def test_an_offset_leaves_the_dispersion_and_the_zeros():
    base = made(NegativeBinomialLikelihood, dispersion=0.3)
    zeros = ZeroInflatedLikelihood(base)
    with torch.no_grad():
        zeros.gate_logits.normal_()
    (z, x), offset = numbers(), torch.tensor([-2.0, 0.0, 1.0, 3.0, 5.0])
    p = OffsetLikelihood(zeros)(torch.cat([z, offset[:, None]], 1))
    mean = positive(base.network(z)) * offset.exp().view(5, 1, 1, 1)
    counted = NegativeBinomial(mean, 0.3).log_prob(x).exp()
    zero = zeros.gate_logits.sigmoid()
    expected = (zero * (x == 0) + (1 - zero) * counted).log()
    torch.testing.assert_close(p.log_prob(x), summed(expected), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(p.mean, (1 - zero) * mean)


@pytest.mark.parametrize("raw", [-100.0, 0.5, 3.0])
@pytest.mark.parametrize("gate", [-50.0, 0.0, 2.0])
def test_zero_inflated_counts_sum_to_one_and_draws_match(raw, gate):
    network = Constant(2, torch.Size([1]), [raw])
    likelihood = ZeroInflatedLikelihood(
        NegativeBinomialLikelihood(network, dispersion=0.5), Constant(2, torch.Size([1]), [gate])
    ).double()
    p = likelihood(torch.zeros(1, 2).double())
    x = torch.arange(2000).double().unsqueeze(1)
    probs = p.log_prob(x).exp()
    assert probs.sum().item() == pytest.approx(1.0, abs=1e-9)
    mean, square = (probs @ x).item(), (probs @ x.square()).item()
    assert mean == pytest.approx(p.mean.item(), rel=1e-9)
    assert square - mean**2 == pytest.approx(p.variance.item(), rel=1e-7)
    draws = p.sample((20_000,))
    # Five standard errors of the mean.
    assert draws.mean().item() == pytest.approx(mean, abs=5 * (p.variance.item() / 20_000) ** 0.5)


@pytest.mark.parametrize("dispersion", [1e-8, 1e-6, 1e-3, 1.0, 1e8])
@given(
    gate=signed,
    offset=st.floats(-10, 10),
    x=st.one_of(st.integers(0, 3), st.integers(0, 10**7)).map(float),
)
def test_any_gate_offset_and_count_in_single_precision(dispersion, gate, offset, x):
    """Against mpmath, of the numbers in single precision that the distribution holds."""
    p = ZeroInflated(NegativeBinomial(torch.tensor([3.0]), dispersion), torch.tensor([gate]))
    p = p.scaled(torch.tensor([offset]).exp())
    mean, alpha = (references.exact(t[0]) for t in (p.base.mean, p.base.dispersion))
    zero = 1 / (1 + mp.exp(-references.exact(p.gate_logits[0])))
    counted = references.NegativeBinomial.log_prob(mp.mpf(x), mean, alpha)
    beside = mp.log1p(mp.exp(references.exact(p.gate_logits[0])))  # -log(1 - zero)
    expected = counted - beside if x else mp.log(zero + (1 - zero) * mp.exp(counted))
    found = p.log_prob(torch.tensor([x]))
    assert abs(found.item() - expected) < 4e-6 * (1 + abs(expected))


@given(gate=signed, offset=signed, x=st.sampled_from([0.0, 1.0, 1e6]))
def test_gradients_are_finite_whatever_the_networks_put_out(gate, offset, x):
    inner = ZeroInflatedLikelihood(
        NegativeBinomialLikelihood(MLP(2, [3], DATA)), Constant(2, DATA, [gate] * DATA.numel())
    )
    likelihood = OffsetLikelihood(inner)
    z = torch.tensor([[0.1, -0.2, offset]])
    p = likelihood(z)
    p.log_prob(torch.full((1, *DATA), x)).sum().backward()
    assert p.mean.isfinite().all()
    assert all(w.grad.isfinite().all() for w in likelihood.parameters())


def test_dispersion_by_feature():
    likelihood = made(NegativeBinomialLikelihood, dispersion="per_feature", min_dispersion=0.1)
    with torch.no_grad():
        likelihood.raw_scale.normal_()
    z, x = numbers()
    p = NegativeBinomial(positive(likelihood.network(z)), positive(likelihood.raw_scale) + 0.1)
    torch.testing.assert_close(likelihood(z).log_prob(x), summed(p.log_prob(x)))


def test_dispersion_by_feature_and_batch():
    """A linear map of a one-hot batch is a table: a row for each batch."""
    batches = 3
    network = MLP(batches, [], DATA)
    likelihood = NegativeBinomialLikelihood(MLP(2 + batches, [4], DATA), dispersion=network)
    y = torch.tensor([0, 1, 2, 1])
    z, x = numbers(4)
    z = torch.cat([z, torch.eye(batches)[y]], 1)
    table = network(torch.eye(batches))
    p = NegativeBinomial(positive(likelihood.network(z)), positive(table[y]) + 1e-3)
    torch.testing.assert_close(likelihood(z).log_prob(x), summed(p.log_prob(x)))


def test_small_dispersions_and_large_counts_in_single_precision():
    """Closed forms that a difference of logarithms of the gamma function misses by a nat."""
    p = NegativeBinomial(torch.tensor([10.0]), torch.tensor([1e-6]))
    expected = references.NegativeBinomial.log_prob(
        mp.mpf(3), mp.mpf(10), references.exact(p.dispersion[0])
    )
    assert p.log_prob(torch.tensor([3.0])).item() == pytest.approx(float(expected), abs=1e-5)
    rate = 1e6
    exact = rate * mp.log(rate) - rate - mp.loggamma(rate + 1)
    found = Poisson(torch.tensor([rate])).log_prob(torch.tensor([rate]))
    assert found.item() == pytest.approx(float(exact), abs=1e-5)


@pytest.mark.parametrize("cls", [BernoulliLikelihood, MultinomialLikelihood])
@pytest.mark.parametrize("around", [OffsetLikelihood, ZeroInflatedLikelihood])
def test_what_is_no_likelihood_of_independent_counts_is_refused(cls, around):
    with pytest.raises(
        ValueError, match=f"expected a likelihood of independent counts.*got {cls.__name__}"
    ):
        around(made(cls))


def test_networks_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match=r"gate: expected a network from \(2,\) to \(2, 3, 2\)"):
        ZeroInflatedLikelihood(made(PoissonLikelihood), MLP(3, [], DATA))
    with pytest.raises(ValueError, match=r"dispersion: expected a network that maps the last k"):
        NegativeBinomialLikelihood(MLP(2, [], DATA), dispersion=MLP(3, [], DATA))
