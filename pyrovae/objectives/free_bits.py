"""The evidence lower bound with a free allowance of KL."""

from typing import Literal

import torch
from torch import Tensor

from pyrovae.objectives.kl_penalty import KLPenaltyObjective
from pyrovae.objectives.weights import Weight

__all__ = ["FreeBitsELBO"]


class FreeBitsELBO(KLPenaltyObjective):
    r"""The evidence lower bound without a reward for a KL below a floor.

    .. math:: E_q[\log p(x \mid z)] - \sum_j \max\left(\lambda,
        \frac{1}{B} \sum_{b=1}^{B} KL\left(q(z_j \mid x_b) \,\Vert\, p(z_j)\right)\right)

    As in the paper, the mean is over the batch. The groups :math:`j` are either the single
    features of the latents or the latent sites. The KL of a group below the floor has no gradient,
    so the posterior does not collapse onto the prior early in training.

    A weight on the KL (`BetaELBO` around it, or ``beta`` of `pyrovae.fit`) applies inside the
    maximum: the penalty is :math:`\max(\lambda, \beta \, KL_j)`, so the floor :math:`\lambda` does
    not depend on the weight. Data for which a group is masked do not count in its mean and get no
    floor.

    Kingma et al., 2016, Improving variational inference with inverse autoregressive flow,
    https://arxiv.org/abs/1606.04934 (appendix C.8).

    Args:
        free_nats: The floor :math:`\lambda` of each group, in nats, at least 0.
        per: Groups: each ``"feature"`` of a latent, whose posterior and prior must then factorise
            over features, or each latent ``"site"``.
        num_particles: Number of draws for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If ``free_nats`` is negative or ``per`` is unknown; at the first call, if a
            latent is outside the data's plate or does not factorise. The message names the site.
    """

    free_nats = Weight()

    def __init__(
        self,
        *,
        free_nats: float = 0.25,
        per: Literal["feature", "site"] = "site",
        num_particles: int = 1,
        max_plate_nesting: int = 1,
    ) -> None:
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)
        self.free_nats = free_nats
        self.per = per
        self.by_site = True
        self.by_feature = per == "feature"

    def penalty(self, kl: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the larger of the mean KL and the floor, and its derivative."""
        floor = self.free_nats.to(kl.dtype)
        return torch.maximum(kl, floor), (kl > floor).to(kl)
