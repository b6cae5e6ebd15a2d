r"""Functions of parameters from 1e-8 to 1e8, in forms that keep the digits of single precision.

Densities of counts, proportions, directions and heavy tails are differences of large numbers, such
as :math:`\log \Gamma(10^6 + 3) - \log \Gamma(10^6)`, for which single precision has no digits left
after the decimal point. Here the large terms are cancelled analytically, by Stirling's formula,
and the remaining terms are as large as the result.

Loader, 2000, Fast and accurate computation of binomial probabilities (the deviance and
Stirling's error). The functions are elementwise, and their control flow does not depend on values.
"""

import math
from typing import Any

import torch
from torch import Tensor

__all__ = [
    "at_least_single",
    "deviance",
    "digamma_difference",
    "lgamma_difference",
    "log_excess",
    "log_expm1_ratio",
    "log_standard_gamma",
    "normalized",
    "stirling",
    "stirling_difference",
    "stirling_slope",
    "widest",
]

# The series of log Gamma, and where it takes over: there its first neglected term is below the
# rounding error, and the direct form has no large terms yet.
_BERNOULLI = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)
_SERIES_FROM = {torch.float64: 9.0}
_SERIES_ELSE = 3.0


def at_least_single(x: Tensor) -> Tensor:
    """Converts half precision to single precision: densities need the digits.

    Networks under autocast return bfloat16, which has three digits; a sum over the variables of a
    datum would keep two.
    """
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def widest(x: Tensor) -> Tensor:
    """Converts a tensor to double precision, if its device supports it."""
    return x if x.device.type == "mps" else x.double()


def normalized(logits: Tensor) -> Tensor:
    r"""Log-probabilities from logits, :math:`a - \log \sum_k e^{a_k}`, over the last dimension.

    The largest logit is subtracted first. Otherwise, as in other distributions, the common part of
    all logits takes up the digits: ten equal logits of 1e8 would each have probability 1.
    """
    return at_least_single(logits).log_softmax(-1)


def _pick(condition: Tensor, x: Tensor, otherwise: float) -> Tensor:
    """``x`` where the condition holds, a harmless number elsewhere, so that no gradient is NaN."""
    return torch.where(condition, x, otherwise)


def stirling(x: Tensor) -> Tensor:
    r"""The remainder of a log-factorial, :math:`T(x) = \log \Gamma(1 + x) - x \log x + x`.

    It is about :math:`\frac12 \log 2 \pi x + \frac{1}{12 x}` for large x, and 0 at 0.

    Args:
        x: Numbers of at least 0.
    """
    large = _is_large(x)
    far = _pick(large, x, 10.0)
    series = 0.5 * (math.log(2 * math.pi) + far.log()) + _correction(far)
    return torch.where(large, series, _direct(_pick(~large, x, 1.0)))


def stirling_difference(a: Tensor, b: Tensor | float) -> Tensor:
    r"""The difference :math:`T(a + b) - T(a)` of `stirling`.

    Args:
        a: Positive numbers, small or large.
        b: Numbers of at least 0.
    """
    large = _is_large(a)
    far, near = _pick(large, a, 10.0), _pick(~large, a, 1.0)
    series = 0.5 * torch.log1p(b / far) + _correction(far + b) - _correction(far)
    return torch.where(large, series, stirling(near + b) - _direct(near))


def _is_large(x: Tensor) -> Tensor:
    return x > _SERIES_FROM.get(x.dtype, _SERIES_ELSE)


def _terms(x: Tensor) -> tuple[float, ...]:
    return _BERNOULLI if x.dtype == torch.float64 else _BERNOULLI[:4]


def _correction(x: Tensor) -> Tensor:
    """Stirling's series for large x, 1 / (12 x) - 1 / (360 x^3) + ..."""
    square = x.square().reciprocal()
    series = torch.zeros_like(x)
    for coefficient in reversed(_terms(x)):
        series = series * square + coefficient
    return series / x


def _direct(x: Tensor) -> Tensor:
    return torch.lgamma(1 + x) - torch.xlogy(x, x) + x


def stirling_slope(x: Tensor) -> Tensor:
    r"""The derivative of `stirling`, :math:`\psi(1 + x) - \log x`, for positive numbers."""
    large = _is_large(x)
    far, near = _pick(large, x, 10.0), _pick(~large, x, 1.0)
    square = far.square().reciprocal()
    series = torch.zeros_like(far)
    for k, coefficient in reversed(list(enumerate(_terms(x)))):
        series = series * square - (2 * k + 1) * coefficient
    series = 0.5 / far + series * square
    return torch.where(large, series, torch.digamma(1 + near) - near.log())


def lgamma_difference(a: Tensor, b: Tensor | float) -> Tensor:
    r"""The difference :math:`\log \Gamma(a + b) - \log \Gamma(a)`.

    Args:
        a: Positive numbers, small or large.
        b: Positive numbers.
    """
    growth = torch.log1p(b / a)
    return (a - 1) * growth + b * ((a + b).log() - 1) + stirling_difference(a, b)


def digamma_difference(a: Tensor, b: Tensor | float) -> Tensor:
    r"""The difference :math:`\psi(a + b) - \psi(a)`, the a-derivative of `lgamma_difference`.

    Args:
        a: Positive numbers, small or large.
        b: Positive numbers.
    """
    total = a + b
    slopes = stirling_slope(total) - stirling_slope(a)
    return torch.log1p(b / a) + (b / a) / total + slopes


class _SmallExcess(torch.autograd.Function):
    """t - log(1 + t) for small t, with a closed-form gradient that saves many operations."""

    generate_vmap_rule = True

    @staticmethod
    def forward(t: Tensor) -> Tensor:
        # With v = t / (2 + t) the logarithm is 2 (v + v^3 / 3 + ...).
        v = t / (2 + t)
        square = v.square()
        series = torch.zeros_like(v)
        for odd in range(19 if t.dtype == torch.float64 else 9, 1, -2):
            series = (series + 1 / odd) * square
        return v * (t - 2 * series)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (t,) = ctx.saved_tensors
        return gradient * (t / (1 + t))


def _is_small(t: Tensor) -> Tensor:
    return (t > -0.33) & (t < 0.5)


def log_excess(t: Tensor, ratio: Tensor) -> Tensor:
    r"""The difference of a number and its logarithm, :math:`t - \log(1 + t) \geq 0`.

    Args:
        t: Numbers above -1.
        ratio: :math:`1 + t`, which may be known to more digits near 0 than the sum has.
    """
    near = _is_small(t)
    small = _SmallExcess.apply(_pick(near, t, 0.0))
    return torch.where(near, small, t - _pick(~near, ratio, 1.0).log())


def deviance(x: Tensor, mean: Tensor, difference: Tensor | None = None) -> Tensor:
    r"""The distance of a number from its expectation, :math:`x \log \frac{x}{m} + m - x \geq 0`.

    If x is close to m the three terms cancel; there it is computed as x times the `log_excess` of
    :math:`(m - x) / x`.

    Args:
        x: Numbers of at least 0.
        mean: Positive numbers m.
        difference: :math:`x - m`, if it is known to more digits than subtraction gives.
    """
    if difference is None:
        difference = x - mean
    some = x > 0
    counted = _pick(some, x, 1.0)
    t = -difference / counted
    near = some & _is_small(t)
    small = x * _SmallExcess.apply(_pick(near, t, 0.0))
    ratio = torch.where(some & ~near, mean, 1.0) / _pick(~near, counted, 1.0)
    return torch.where(near, small, -x * ratio.log() - difference)


# Series of log(sinh(h) / h) at h = a / 2, in powers of a^2.
_SINH = (1 / 24, -1 / 2880, 1 / 181440, -1 / 9676800, 1 / 479001600, -691 / 15692092416000)


def log_expm1_ratio(a: Tensor) -> Tensor:
    r"""The logarithm of :math:`(1 - e^{-a}) / a` for numbers of at least 0; 0 at 0.

    With a = \|x\| it gives :math:`\log((e^x - 1) / x) = \max(x, 0) + \log((1 - e^{-a}) / a)`.
    """
    small = a < 0.5
    near, far = _pick(small, a, 0.0), _pick(~small, a, 1.0)
    square = near.square()
    series = torch.zeros_like(near)
    for coefficient in reversed(_SINH):
        series = (series + coefficient) * square
    return torch.where(small, series - 0.5 * near, torch.log(-torch.expm1(-far)) - far.log())


def log_standard_gamma(concentration: Tensor) -> Tensor:
    r"""Logarithms of draws from Gamma(a, 1), with gradients, for a down to 1e-8.

    .. math:: \log g = \log g' + \frac{\log u}{a}, \quad g' \sim \operatorname{Gamma}(a + 1, 1),
        \; u \sim \operatorname{Uniform}(0, 1)

    The draws themselves underflow for small a.
    """
    a = widest(concentration)
    uniform = torch.rand_like(a).clamp(min=torch.finfo(a.dtype).tiny)
    return torch._standard_gamma(a + 1).log() + uniform.log() / a
