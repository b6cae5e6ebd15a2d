"""A product of experts."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution
from torch.distributions import Normal as AnyNormal

from pyrovae.distributions import Normal
from pyrovae.distributions.normal import resolvable
from pyrovae.distributions.unwrap import unblocked
from pyrovae.posteriors.base import Posterior
from pyrovae.posteriors.experts import ExpertsPosterior, Views

__all__ = ["ProductPosterior", "product_of_normals"]


class ProductPosterior(ExpertsPosterior):
    r"""The normalised product of one normal for each modality and a standard normal.

    .. math:: q(z \mid x) \propto N(z; 0, I) \prod_{m \text{ present}} q_m(z \mid x_m), \qquad
        \sigma^{-2} = 1 + \sum_m \sigma_m^{-2}, \quad
        \mu = \sigma^2 \sum_m \mu_m \sigma_m^{-2}

    Each modality adds what it knows, and a missing one adds nothing. With no modality at all the
    posterior is the standard normal. In the paper the standard normal is the prior; here the
    model's prior may be any prior over real vectors.

    Wu and Goodman, 2018, Multimodal generative models for scalable weakly-supervised learning,
    https://arxiv.org/abs/1802.05335.

    Args:
        experts: Diagonal normals, such as `NormalPosterior`, in the order of the modalities;
            `ExpertsPosterior` describes their input.

    Raises:
        ValueError: If there are none, or they are over different latents. When called: if one is
            not a diagonal normal.
    """

    def __init__(self, experts: Sequence[Posterior]) -> None:
        super().__init__(experts)

    def forward(self, x: Views, present: Tensor | None = None) -> Distribution:
        """Returns q(z|x) given the modalities that are present; see `ExpertsPosterior.read`."""
        found, there = self.read(x, present)
        return product_of_normals(found, there, prior_precision=1.0)


def product_of_normals(
    found: Sequence[Distribution | None], there: Tensor, *, prior_precision: float
) -> Distribution:
    """The normalised product of diagonal normals and, optionally, a standard normal.

    Args:
        found: Diagonal normals; entries that are None are skipped.
        there: Which of them count, bool ``(*batch, M)`` or ``(M,)``.
        prior_precision: Weight of the standard normal: 1 to include it, 0 to leave it out.

    Raises:
        ValueError: If one is not a diagonal normal.
    """
    precision: Any = prior_precision
    weighted: Any = 0.0
    events = 0
    for m, p in enumerate(found):
        if p is None:
            continue
        each, events = unblocked(p), len(p.event_shape)
        if not isinstance(each, AnyNormal):
            raise ValueError(
                "experts: expected independent normals, whose product is normal, got "
                f"{type(each).__name__}; a MixturePosterior accepts any distribution"
            )
        here = there[..., m].reshape(*there.shape[:-1], *[1] * events)
        counted = torch.where(here, each.scale**-2, 0.0)
        precision, weighted = precision + counted, weighted + counted * each.loc
    loc = weighted / precision
    return Normal(loc, resolvable(precision**-0.5, loc)).to_event(events)
