"""The evidence lower bound with a weight on its Kullback-Leibler term."""

from typing import Any

import pyro.infer
from torch import Tensor

from pyrovae.handlers import scale_latents
from pyrovae.objectives.base import Program
from pyrovae.objectives.elbo import ELBO
from pyrovae.schedules import Annealed

__all__ = ["BetaELBO"]


class BetaELBO(pyro.infer.ELBO):
    r"""An evidence lower bound whose KL term weighs :math:`\beta` times as much.

    .. math:: E_q[\log p(x \mid z)] - \beta \, KL\left(q(z \mid x) \,\Vert\, p(z)\right)

    The weight stands in the objective alone: evaluation reports the bound with a weight of one.

    Higgins et al., 2017, beta-VAE: learning basic visual concepts with a constrained variational
    framework, https://openreview.net/forum?id=Sy2fzU9gl.

    Args:
        beta: The weight, at least 0.
        elbo: The estimator whose latent sites are weighed; `ELBO` with one particle if left
            out, `AnalyticKLELBO` or one of Pyro's likewise.

    Raises:
        ValueError: If ``beta`` is negative.
    """

    def __init__(self, beta: float = 4.0, *, elbo: pyro.infer.ELBO | None = None) -> None:
        if not beta >= 0:
            raise ValueError(f"beta: expected a weight of at least 0, got {beta}")
        self.elbo = elbo if elbo is not None else ELBO()
        self.beta = beta
        super().__init__(
            num_particles=self.elbo.num_particles,
            vectorize_particles=self.elbo.vectorize_particles,
        )

    @property
    def settled(self) -> float:
        """The epoch from which the weighed estimator no longer changes."""
        return self.elbo.settled if isinstance(self.elbo, Annealed) else 0.0

    def advance(self, epoch: float) -> None:
        """Moves the weighed estimator's own schedule on, where it has one."""
        if isinstance(self.elbo, Annealed):
            self.elbo.advance(epoch)

    def loss(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> float:
        """Minus the weighted bound, summed over the batch, as a number."""
        return self.elbo.loss(*self._weigh(model, guide), *args, **kwargs)

    def differentiable_loss(
        self, model: Program, guide: Program, *args: Any, **kwargs: Any
    ) -> Tensor:
        """Minus the weighted bound, summed over the batch, with its gradient."""
        return self.elbo.differentiable_loss(*self._weigh(model, guide), *args, **kwargs)

    def loss_and_grads(self, model: Program, guide: Program, *args: Any, **kwargs: Any) -> Any:
        """Minus the weighted bound; the gradients are added to the parameters'."""
        return self.elbo.loss_and_grads(*self._weigh(model, guide), *args, **kwargs)

    def _weigh(self, model: Program, guide: Program) -> tuple[Program, Program]:
        return scale_latents(model, self.beta), scale_latents(guide, self.beta)

    def _get_trace(self, model: Program, guide: Program, args: Any, kwargs: Any) -> Any:
        return self.elbo._get_trace(*self._weigh(model, guide), args, kwargs)

    def __repr__(self) -> str:
        return f"BetaELBO(beta={self.beta}, elbo={self.elbo!r})"
