"""Likelihoods from any output of an unbounded network, and from networks in half precision."""

import mpmath as mp
import pytest
import references
import torch
from hypothesis import given
from hypothesis import strategies as st
from numbers_of_networks import Constant, signed, vectors
from registry import AROUND, DATA, LATENT, LIKELIHOODS, POSTERIORS, data_for, latent_for

from pyrovae.likelihoods import (
    BetaLikelihood,
    HyperbolicSecantLikelihood,
    LaplaceLikelihood,
    NegativeBinomialLikelihood,
    NormalLikelihood,
    StudentTLikelihood,
)
from pyrovae.nn import MLP

MADE = {name: make() for name, make in LIKELIHOODS.items() if name not in AROUND}
UNITS = {name: made.network.out_shape.numel() for name, made in MADE.items()}
OPTIONS = {
    name: {k: v for k, v in made.init_args.items() if k != "network"}
    for name, made in MADE.items()
}


def with_output(name, numbers, **options):
    """The registry's likelihood with a network that puts out these numbers, again and again."""
    cls = type(MADE[name])
    options = OPTIONS[name] | options
    shape = cls.network_shape(DATA, **options)
    repeated = (numbers * (shape.numel() // len(numbers) + 1))[: shape.numel()]
    return cls(Constant(LATENT, shape, repeated), **options)


@pytest.mark.parametrize("name", MADE)
@given(numbers=vectors(7), raw_scale=signed)
def test_all_is_finite_with_its_gradients(name, numbers, raw_scale):
    likelihood = with_output(name, numbers)
    if getattr(likelihood, "scale", None) == "learned":
        likelihood.raw_scale.data.fill_(raw_scale)
    p = likelihood(torch.zeros(2, LATENT))
    torch.manual_seed(0)
    for x in (data_for(name, (2,)), p.sample()):
        log_prob = p.log_prob(x)
        assert log_prob.isfinite().all()
        log_prob.sum().backward(retain_graph=True)
    assert p.sample().isfinite().all()
    assert p.mean.isfinite().all()
    for parameter in likelihood.parameters():
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize("dispersion", [1e-8, 1e-6, 1e-5, 1e-3, 1.0, 1e8])
@given(raw=signed, x=st.one_of(st.integers(0, 30), st.integers(0, 10**7)).map(float))
def test_negative_binomials_dispersion(dispersion, raw, x):
    likelihood = with_output("NegativeBinomialLikelihood", [raw], dispersion=dispersion)
    p = likelihood(torch.zeros(1, LATENT))
    found = p.base_dist.log_prob(torch.full((1, *DATA), x)).flatten()[0]
    mean, alpha = (
        references.exact(t.flatten()[0]) for t in (p.base_dist.mean, p.base_dist.dispersion)
    )
    expected = references.NegativeBinomial.log_prob(mp.mpf(x), mean, alpha)
    assert abs(found.item() - expected) < 2e-6 * (1 + abs(expected))


@pytest.mark.parametrize("df", [1.1, 4.0, 1e4, 1e6, 1e8])
def test_student_t_of_many_variables_by_any_degrees_of_freedom(df):
    likelihood = StudentTLikelihood(MLP(LATENT, [4], (784,)), df=df, scale=0.5)
    z, x = torch.randn(1, LATENT), torch.randn(1, 784)
    p = likelihood(z)
    loc = p.mean[0].tolist()
    expected = sum(
        references.StudentT.log_prob(mp.mpf(a), mp.mpf(torch.tensor(df).item()), mp.mpf(m), 0.5)
        for a, m in zip(x[0].tolist(), loc, strict=True)
    )
    # Off by 42 nats at 1e6 from a difference of two logarithms of the gamma function.
    assert abs(p.log_prob(x).item() - expected) < 2e-6 * 784


@pytest.mark.parametrize("dispersion", [1e-3, 1e-5, 1e-7])
def test_beta_of_many_variables_by_any_dispersion(dispersion):
    likelihood = BetaLikelihood(MLP(LATENT, [4], (784,)), dispersion=dispersion)
    p = likelihood(torch.randn(1, LATENT))
    x = p.sample()
    each = p.base_dist
    expected = sum(
        references.Beta.log_prob(*(mp.mpf(v) for v in numbers), mp.mpf(0.002))
        for numbers in zip(
            x[0].tolist(),
            each.concentration1[0].tolist(),
            each.concentration0[0].tolist(),
            strict=True,
        )
    )
    # The stretched value is rounded to 6e-8, beside deviations of 0.5 sqrt(dispersion): errors of
    # either sign, of a residual of about 1.
    tolerance = 6 * 6e-8 / (0.3 * dispersion**0.5) * 784**0.5 + 2e-6 * 784
    assert abs(p.log_prob(x).item() - expected) < tolerance


@pytest.mark.parametrize(
    "cls",
    [
        NormalLikelihood,
        LaplaceLikelihood,
        HyperbolicSecantLikelihood,
        StudentTLikelihood,
        NegativeBinomialLikelihood,
    ],
)
@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_fixed_scales_out_of_range_are_refused(cls, scale):
    name = cls.scale_name
    with pytest.raises(ValueError, match=f"{name}: expected a number from 1e-08 to 1e"):
        cls(MLP(LATENT, [4], DATA), **{name: scale})


class Halved(MLP):
    """A network as autocast leaves it: its output in bfloat16."""

    def transform(self, x):
        return super().transform(x).bfloat16()


class Rounded(MLP):
    """The same numbers in single precision."""

    def transform(self, x):
        return super().transform(x).bfloat16().float()


@pytest.mark.parametrize("name", MADE)
def test_likelihoods_calculate_in_single_precision(name):
    cls, options = type(MADE[name]), OPTIONS[name]
    shape = cls.network_shape(DATA, **options)
    half, single = (kind(LATENT, [4], shape) for kind in (Halved, Rounded))
    single.load_state_dict(half.state_dict())
    z, x = torch.randn(5, LATENT), data_for(name, (5,))
    p, q = cls(half, **options)(z), cls(single, **options)(z)
    assert torch.equal(p.log_prob(x), q.log_prob(x))
    assert torch.equal(p.mean, q.mean)
    assert p.log_prob(x).dtype == p.mean.dtype == torch.float32


@pytest.mark.parametrize("name", [name for name in POSTERIORS if name not in AROUND])
def test_posteriors_calculate_in_single_precision(name):
    made = POSTERIORS[name]()
    cls, options = type(made), {k: v for k, v in made.init_args.items() if k != "network"}
    half, single = (kind(DATA, [4], made.network.out_shape) for kind in (Halved, Rounded))
    single.load_state_dict(half.state_dict())
    # A codebook of moving averages moves in training.
    p, q = cls(half, **options).eval(), cls(single, **options).eval()
    q.load_state_dict(p.state_dict())
    x = torch.rand(5, *DATA)
    p, q = p(x), q(x)
    values = []
    for each in (p, q):
        torch.manual_seed(1)
        z = each.sample()
        values.append((z.float(), each.log_prob(z)))
    torch.testing.assert_close(values[0], values[1])
    assert latent_for(name, (5,)).shape == values[0][0].shape


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_a_network_in_half_precision_reads_latents(name):
    likelihood = LIKELIHOODS[name]().bfloat16()
    p = likelihood(torch.randn(5, LATENT))
    assert p.log_prob(data_for(name, (5,))).isfinite().all()
