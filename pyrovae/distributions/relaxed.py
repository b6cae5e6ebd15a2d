"""Relaxed one-hot categoricals, whose points on the simplex carry their logarithms."""

import math
from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution, constraints
from torch import Size, Tensor

from pyrovae.distributions.special import at_least_single, normalized

__all__ = ["TEMPERATURES", "RelaxedOneHot", "RelaxedOneHots", "check_temperature"]

# Below the lowest, gradients of draws are those of a step function; above the highest, draws in
# single precision no longer resolve the noise of the categories.
TEMPERATURES = (0.01, 100.0)

# Coordinates above e^-61, which is far below the rounding of 1, are stored as they are. Those from
# e^-71 to e^-61 encode logarithms from -1e7 to -61, with gradients that do not overflow.
_PLAIN = 61.0
_DEPTH = 10.0
_LOWEST = 1e7
# Log-probabilities are clamped to minus this, which is -_LOWEST at the lowest temperature.
_LEAST = _LOWEST * TEMPERATURES[0]
_RATE = math.log(_LOWEST / _PLAIN) / _DEPTH


def check_temperature(temperature: float) -> None:
    """Checks that a temperature is in the range of `TEMPERATURES`.

    Raises:
        ValueError: If it is not.
    """
    low, high = TEMPERATURES
    if not low <= temperature <= high:
        raise ValueError(
            f"temperature: expected a positive number from {low} to {high:g}, where the density of "
            f"relaxed draws is known in single precision, got {temperature}"
        )


def _to_simplex(log_z: Tensor) -> Tensor:
    """Maps logarithms to points on the simplex, whose smallest coordinates encode them."""
    plain = log_z > -_PLAIN
    depth = torch.where(plain, _PLAIN, -log_z) / _PLAIN
    exponent = torch.where(plain, log_z, -_PLAIN - depth.log() / _RATE)
    z = exponent.clamp(min=-_PLAIN - _DEPTH).exp()
    return z / z.sum(-1, keepdim=True)


def _log_of(z: Tensor) -> Tensor:
    """Recovers the logarithms from coordinates made by `_to_simplex`."""
    exponent = z.clamp(min=math.exp(-_PLAIN - _DEPTH)).log()
    plain = exponent > -_PLAIN
    beyond = torch.where(plain, 0.0, -_PLAIN - exponent)
    return torch.where(plain, exponent, -_PLAIN * (_RATE * beyond).exp())


class RelaxedOneHot(TorchDistribution):
    r"""A relaxed one-hot categorical (concrete, Gumbel-softmax), a density inside the simplex.

    .. math:: z = \operatorname{softmax}((a + g) / \tau), \qquad
        p(z) = (C - 1)! \, \tau^{C-1} \prod_{k=1}^{C} \frac{\pi_k z_k^{-\tau - 1}}
        {\sum_j \pi_j z_j^{-\tau}}, \quad \pi = \operatorname{softmax}(a)

    Draws are computed and scored by their logarithms (Maddison et al., appendix C.3). At low
    temperatures most coordinates are far below the smallest floating-point number; a draw that is
    clamped and then scored as if it had been drawn gives bounds above what is possible. The
    logarithms are stored in the draw itself. Coordinates above :math:`e^{-61}` have their usual
    meaning. A smaller one, from :math:`e^{-71}` to :math:`e^{-61}`, encodes a logarithm from -1e7
    to -61. So draws are points inside the simplex, and every relaxed one-hot can compute their
    density, even after they were detached, reshaped or stored.

    The density is accurate to single precision for temperatures from 0.01 to 100. The logit of a
    category is at most 1e5 below the largest: lower ones are raised to that.

    Maddison, Mnih and Teh, 2017, The concrete distribution, https://arxiv.org/abs/1611.00712.

    Args:
        temperature: The temperature :math:`\tau`, positive.
        logits: A logit :math:`a` for each category, ``(*batch, categories)``.
        validate_args: Whether to check arguments and values.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {
        "temperature": constraints.positive,
        "logits": constraints.real_vector,
    }
    support = constraints.simplex
    has_rsample = True

    def __init__(
        self, temperature: Tensor, logits: Tensor, *, validate_args: bool | None = None
    ) -> None:
        self.temperature = temperature
        self.logits = normalized(logits).clamp(min=-_LEAST)
        super().__init__(logits.shape[:-1], logits.shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "RelaxedOneHot":
        """The same with another batch shape."""
        new = self._get_checked_instance(RelaxedOneHot, _instance)
        new.temperature = self.temperature
        new.logits = self.logits.expand(Size(batch_shape) + self.event_shape)
        super(RelaxedOneHot, new).__init__(
            Size(batch_shape), self.event_shape, validate_args=False
        )
        new._validate_args = self._validate_args
        return new

    @property
    def probs(self) -> Tensor:
        """Probabilities of the categories."""
        return self.logits.exp()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws that carry gradients."""
        shape = self._extended_shape(Size(sample_shape))
        info = torch.finfo(self.logits.dtype)
        uniform = torch.rand(shape, dtype=self.logits.dtype, device=self.logits.device)
        gumbel = -(-uniform.clamp(info.eps, 1 - info.eps).log()).log()
        return _to_simplex(((self.logits + gumbel) / self.temperature).log_softmax(-1))

    def log_prob(self, value: Tensor) -> Tensor:
        """The log-density on the simplex."""
        if self._validate_args:
            self._validate_sample(value)
        categories = self.event_shape[0]
        log_z = _log_of(at_least_single(value))
        scores = (self.logits - self.temperature * log_z).log_softmax(-1)
        temperature = torch.as_tensor(self.temperature, dtype=log_z.dtype, device=log_z.device)
        constant = math.lgamma(categories) + (categories - 1) * temperature.log()
        return constant + scores.sum(-1) - log_z.sum(-1)


class RelaxedOneHots(TorchDistribution):
    """Independent relaxed one-hot categoricals, concatenated in one vector.

    Args:
        temperature: The common temperature, a 0-dim tensor.
        logits: A logit for each category of each variable, ``(*batch, variables * categories)``.
        variables: Number of variables.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_rsample = True

    def __init__(self, temperature: Tensor, logits: Tensor, variables: int) -> None:
        self.temperature = temperature
        self.logits = logits
        self.variables = variables
        self.rows = RelaxedOneHot(temperature, logits.unflatten(-1, (variables, -1)))
        super().__init__(logits.shape[:-1], logits.shape[-1:], validate_args=False)

    @constraints.dependent_property
    def support(self) -> Any:
        """Vectors of concatenated points on simplices."""
        if self.variables == 1:
            return constraints.simplex
        lengths = [self.event_shape[0] // self.variables] * self.variables
        return constraints.cat([constraints.simplex] * self.variables, -1, lengths)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws that carry gradients."""
        return self.rows.rsample(sample_shape).flatten(-2)

    def log_prob(self, value: Tensor) -> Tensor:
        """The sum of the variables' log-densities."""
        return self.rows.log_prob(value.unflatten(-1, (self.variables, -1))).sum(-1)

    def at(self, temperature: Tensor) -> "RelaxedOneHots":
        """The same distribution at another temperature."""
        return RelaxedOneHots(temperature, self.logits, self.variables)

    def expand(self, batch_shape: Any, _instance: Any = None) -> "RelaxedOneHots":
        """The same with another batch shape."""
        logits = self.logits.expand(torch.Size(batch_shape) + self.event_shape)
        return RelaxedOneHots(self.temperature, logits, self.variables)
