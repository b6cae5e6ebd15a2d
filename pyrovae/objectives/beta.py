"""The evidence lower bound with a weight on its Kullback-Leibler term."""

import pyro.infer

from pyrovae.handlers import scale_latents
from pyrovae.objectives.base import Program
from pyrovae.objectives.weights import Weight, shown
from pyrovae.objectives.wrapped import WrappedELBO

__all__ = ["BetaELBO"]


class BetaELBO(WrappedELBO):
    r"""An evidence lower bound whose KL term weighs :math:`\beta` times as much.

    .. math:: E_q[\log p(x \mid z)] - \beta \, KL\left(q(z \mid x) \,\Vert\, p(z)\right)

    The weight stands in the objective alone: evaluation reports the bound with a weight of one.
    Around `FreeBitsELBO` and `CapacityELBO` it weighs the KL that is compared with their floor or
    capacity; around a bound of several importance weights it stands inside their mean.

    Higgins et al., 2017, beta-VAE: learning basic visual concepts with a constrained variational
    framework, https://openreview.net/forum?id=Sy2fzU9gl.

    Args:
        beta: The weight, at least 0.
        elbo: The estimator whose latent sites are weighed; `ELBO` with one particle if left
            out, `AnalyticKLELBO` or one of Pyro's likewise.

    Attributes:
        beta: The weight, a 0-dim tensor, so that a compiled step sees it change; to be set to a
            number.

    Raises:
        ValueError: If ``beta`` is negative.
    """

    beta = Weight()

    def __init__(self, beta: float = 4.0, *, elbo: pyro.infer.ELBO | None = None) -> None:
        super().__init__(elbo)
        self.beta = beta

    def programs(self, model: Program, guide: Program) -> tuple[Program, Program]:
        """Model and guide with their latent sites weighed."""
        return scale_latents(model, self.beta), scale_latents(guide, self.beta)

    def __repr__(self) -> str:
        return f"BetaELBO(beta={shown(self.beta)}, elbo={self.elbo!r})"
