"""The continuous Bernoulli, for logits of any size."""

from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor
from torch.distributions import register_kl

from pyrovae.distributions.special import at_least_single, log_expm1_ratio

__all__ = ["ContinuousBernoulli"]

# Series of 1 / (1 - e^-x) - 1 / x - 1 / 2 (odd powers of x) and its derivative (even powers).
_MEAN = (1 / 12, -1 / 720, 1 / 30240, -1 / 1209600, 1 / 47900160, -691 / 1307674368000)


class ContinuousBernoulli(TorchDistribution):
    r"""A variable on [0, 1] whose log-density is linear.

    .. math:: \log p(x) = x \eta - \log \frac{e^\eta - 1}{\eta}

    The mean is :math:`1 / (1 - e^{-\eta}) - 1 / \eta` and the variance :math:`1 / \eta^2 - 1 / (2
    \sinh(\eta / 2))^2`; at :math:`\eta = 0` the distribution is uniform. Density, moments, draws
    and their gradients are accurate to single precision for logits from -1e8 to 1e8. (PyTorch's
    distribution of that name clamps the probability :math:`\operatorname{sigmoid}(\eta)`, so its
    constant and moments are wrong for logits beyond 15.9 and near 0.)

    Loaiza-Ganem and Cunningham, 2019, The continuous Bernoulli: fixing a pervasive error in
    variational autoencoders, https://arxiv.org/abs/1907.06845.

    Args:
        logits: The slopes :math:`\eta`, any real numbers.
        validate_args: Whether to check arguments and values.

    Raises:
        ValueError: If validation is on, and a logit is NaN or a value lies outside [0, 1].
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"logits": constraints.real}
    support = constraints.unit_interval
    has_rsample = True

    def __init__(self, logits: Tensor, *, validate_args: bool | None = None) -> None:
        self.logits = at_least_single(logits)
        super().__init__(self.logits.shape, validate_args=validate_args)

    def expand(self, batch_shape: Size, _instance: Any = None) -> "ContinuousBernoulli":
        """The same distribution for a larger batch."""
        new = self._get_checked_instance(ContinuousBernoulli, _instance)
        batch_shape = Size(batch_shape)
        new.logits = self.logits.expand(batch_shape)
        super(ContinuousBernoulli, new).__init__(batch_shape, validate_args=False)
        new._validate_args = self._validate_args
        return new

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density of values."""
        if self._validate_args:
            self._validate_sample(value)
        # Measured from the more probable end, since x eta and the constant are both large there.
        size, rising = _folded(self.logits)
        value = at_least_single(value)
        distance = torch.where(rising, 1 - value, value)
        return -distance * size - log_expm1_ratio(size)

    @property
    def mean(self) -> Tensor:
        """The mean."""
        size, rising = _folded(self.logits)
        distance = self._mean_distance(size)
        return torch.where(rising, 1 - distance, distance)

    @property
    def variance(self) -> Tensor:
        """The variance."""
        size, _ = _folded(self.logits)
        small = size < 1
        near, far = torch.where(small, size, 0.0), torch.where(small, 1.0, size)
        square, series = near.square(), torch.zeros_like(near)
        for k, coefficient in reversed(list(enumerate(_MEAN))):
            series = series * square + (2 * k + 1) * coefficient
        # 1 / a^2 - e^-a / (1 - e^-a)^2, written as a product because a^2 may overflow.
        rest = far * torch.exp(-0.5 * far) / -torch.expm1(-far)
        return torch.where(small, series, (1 - rest) * (1 + rest) / far / far)

    @staticmethod
    def _mean_distance(size: Tensor) -> Tensor:
        """The mean distance from the more probable end, 1 / a - 1 / (e^a - 1)."""
        small = size < 1
        near, far = torch.where(small, size, 0.0), torch.where(small, 1.0, size)
        square, series = near.square(), torch.zeros_like(near)
        for coefficient in reversed(_MEAN):
            series = series * square + coefficient
        fall = torch.exp(-far)
        return torch.where(small, 0.5 - near * series, 1 / far + fall / torch.expm1(-far))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws with gradients, by inverting the distribution function."""
        shape = self._extended_shape(Size(sample_shape))
        uniform = torch.rand(shape, dtype=self.logits.dtype, device=self.logits.device)
        return self.icdf(uniform)

    def icdf(self, value: Tensor) -> Tensor:
        """Quantiles, for probabilities in [0, 1]."""
        size, rising = _folded(self.logits)
        u = torch.where(rising, 1 - value, value)
        small = size < 1e-3
        far = torch.where(small, 1.0, size)
        exact = -torch.log1p((u * torch.expm1(-far)).clamp(min=-1 + _eps(u))) / far
        # The first terms for small logits; the next one is at most a^2 / 60.
        near = torch.where(small, size, 0.0)
        linear = u - 0.5 * near * u * (1 - u)
        distance = torch.where(small, linear, exact)
        return torch.where(rising, 1 - distance, distance)

    def cdf(self, value: Tensor) -> Tensor:
        """The cumulative distribution function."""
        size, rising = _folded(self.logits)
        distance = torch.where(rising, 1 - value, value)
        # (1 - e^(-a d)) / (1 - e^-a), with both divided by a, so that a may be 0.
        ratio = log_expm1_ratio(size * distance) - log_expm1_ratio(size)
        below = (ratio.exp() * distance).clamp(max=1)
        return torch.where(rising, 1 - below, below)

    def entropy(self) -> Tensor:
        """The differential entropy."""
        size, _ = _folded(self.logits)
        return log_expm1_ratio(size) + size * self._mean_distance(size)


def _folded(logits: Tensor) -> tuple[Tensor, Tensor]:
    """The absolute values of logits, and whether each is positive.

    ``abs`` is not used because its gradient at 0 is 0, while that of these densities is not; a
    network whose last layer starts at zero begins there.
    """
    rising = logits > 0
    return torch.where(rising, logits, -logits), rising


def _eps(x: Tensor) -> float:
    return 0.5 * torch.finfo(x.dtype).eps


@register_kl(ContinuousBernoulli, ContinuousBernoulli)
def _kl(q: ContinuousBernoulli, p: ContinuousBernoulli) -> Tensor:
    # Measured from q's more probable end, which keeps the digits of the mean distance.
    size, rising = _folded(q.logits)
    across = torch.where(rising, -p.logits, p.logits)
    steepness, growing = _folded(across)
    constant = torch.where(growing, across, 0.0) + log_expm1_ratio(steepness)
    return constant - across * q._mean_distance(size) - q.entropy()
