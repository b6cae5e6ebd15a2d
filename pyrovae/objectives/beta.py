"""The evidence lower bound with a weight on its Kullback-Leibler term."""

import pyro.infer

from pyrovae.handlers import scale_latents
from pyrovae.objectives.base import Program
from pyrovae.objectives.weights import Weight, shown
from pyrovae.objectives.wrapped import WrappedELBO

__all__ = ["BetaELBO"]


class BetaELBO(WrappedELBO):
    r"""An evidence lower bound with a weight on its KL term (beta-VAE).

    .. math:: E_q[\log p(x \mid z)] - \beta \, KL\left(q(z \mid x) \,\Vert\, p(z)\right)

    The weight only applies to the objective: evaluation reports the bound with a weight of one.
    Around `FreeBitsELBO` and `CapacityELBO`, it multiplies the KL that is compared with their
    floor or capacity. Around a bound with several importance weights, it applies inside their
    mean.

    Higgins et al., 2017, beta-VAE: learning basic visual concepts with a constrained variational
    framework, https://openreview.net/forum?id=Sy2fzU9gl.

    Args:
        beta: The weight, at least 0.
        elbo: The estimator whose latent sites are weighted, such as `AnalyticKLELBO` or one of
            Pyro's; `ELBO` with one particle if None.

    Attributes:
        beta: The weight, a 0-dim tensor, so that a compiled step sees changes; assign a number to
            change it.

    Raises:
        ValueError: If ``beta`` is negative.
    """

    beta = Weight()

    def __init__(self, beta: float = 4.0, *, elbo: pyro.infer.ELBO | None = None) -> None:
        super().__init__(elbo)
        self.beta = beta

    def programs(self, model: Program, guide: Program) -> tuple[Program, Program]:
        """Returns model and guide with weighted latent sites."""
        return scale_latents(model, self.beta), scale_latents(guide, self.beta)

    def __repr__(self) -> str:
        return f"BetaELBO(beta={shown(self.beta)}, elbo={self.elbo!r})"
