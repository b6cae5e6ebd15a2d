"""The marginal of a latent-variable model, for whose density a bound is known."""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import torch
from pyro.distributions import TorchDistribution
from torch import Size, Tensor
from torch.distributions import Distribution, constraints

from pyrovae.distributions.unwrap import family

__all__ = ["Marginal"]

Given = Callable[[Tensor], Distribution]


class Marginal(TorchDistribution):
    r"""The marginal of a prior and a conditional distribution given its draws.

    .. math:: p(z) = \int p(u) \, p(z \mid u) \, du

    Draws are exact. The density has no closed form; `log_prob` returns the logarithm of an
    importance-sampled estimate, with new draws each time,

    .. math:: \log \hat p(z) = \log \frac{1}{K} \sum_{k=1}^{K} \frac{p(u_k) \, p(z \mid u_k)}
        {q(u_k \mid z)}, \qquad u_k \sim q(u \mid z)

    Then :math:`E[\hat p(z)] = p(z)` and :math:`E[\log \hat p(z)] \le \log p(z)`: a lower bound,
    with the gradients of a variational autoencoder of z.

    Burda, Grosse and Salakhutdinov, 2016, Importance weighted autoencoders,
    https://arxiv.org/abs/1509.00519 (the estimate); Dai and Wipf, 2019, Diagnosing and enhancing
    VAE models, https://arxiv.org/abs/1903.05789 (as a prior).

    Args:
        prior: p(u), with batch shape ``()``.
        likelihood: Returns p(z|u) for u, ``(*batch, *event)``.
        posterior: Returns q(u|z) for z.
        event_shape: Shape of one z.
        num_particles: Number of draws :math:`K` in an estimate.
        batch_shape: Shape of the batch; all its elements have the same density.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        prior: Distribution,
        likelihood: Given,
        posterior: Given,
        *,
        event_shape: Size,
        num_particles: int = 1,
        batch_shape: Sequence[int] = (),
        validate_args: bool | None = None,
    ) -> None:
        self.prior, self.likelihood, self.posterior = prior, likelihood, posterior
        self.num_particles = num_particles
        super().__init__(Size(batch_shape), event_shape, validate_args=validate_args)

    @property
    def has_rsample(self) -> bool:
        """Whether draws carry a gradient, as they do if those of u do."""
        return bool(self.prior.has_rsample)

    @property
    def support(self) -> Any:
        """Real vectors."""
        return constraints.independent(constraints.real, len(self.event_shape))

    def expand(self, batch_shape: Any, _instance: Any = None) -> "Marginal":
        """The same density for a larger batch."""
        return Marginal(
            self.prior,
            self.likelihood,
            self.posterior,
            event_shape=self.event_shape,
            num_particles=self.num_particles,
            batch_shape=Size(batch_shape),
            validate_args=False,
        )

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Draws u, and then z given u."""
        with torch.no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Draws u, and then z given u, with a gradient if both have one."""
        shape = Size(sample_shape) + self.batch_shape
        u = _draw(self.prior, shape)
        return _draw(self.likelihood(u))

    def log_prob(self, value: Tensor) -> Tensor:
        """The logarithm of an estimate of the density, ``(*batch,)``; see the class."""
        if self._validate_args:
            self._validate_sample(value)
        # Independent draws for each requested value: one estimate repeated S times would hide its
        # own error.
        batch = torch.broadcast_shapes(self.batch_shape, value.shape[: -self.event_dim])
        posterior = self.posterior(value.expand(*batch, *self.event_shape))
        u = _draw(posterior, Size([self.num_particles]))
        density = posterior.log_prob(u)
        if density.requires_grad and not posterior.has_rsample:
            raise ValueError(
                "posterior: expected a second-stage posterior with reparameterised draws, which "
                f"training needs, got {family(posterior)}"
            )
        weights = self.prior.log_prob(u) + self.likelihood(u).log_prob(value) - density
        return weights.logsumexp(0) - math.log(self.num_particles)


def _draw(distribution: Distribution, shape: Sequence[int] = ()) -> Tensor:
    if distribution.has_rsample:
        return distribution.rsample(Size(shape))
    with torch.no_grad():
        return distribution.sample(Size(shape))
