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
    r"""The normalised product of one normal for each modality and a standard one.

    .. math:: q(z \mid x) \propto N(z; 0, I) \prod_{m \text{ present}} q_m(z \mid x_m), \qquad
        \sigma^{-2} = 1 + \sum_m \sigma_m^{-2}, \quad
        \mu = \sigma^2 \sum_m \mu_m \sigma_m^{-2}

    Each modality adds what it knows, and one that is missing adds nothing: with none at all it is
    the standard normal. That one stands for the prior in the paper; the model's prior may be any
    over real vectors.

    Wu and Goodman, 2018, Multimodal generative models for scalable weakly-supervised learning,
    https://arxiv.org/abs/1802.05335.

    Args:
        experts: Diagonal normals, such as `NormalPosterior`, in the order of the modalities; see
            `ExpertsPosterior` for what it reads.

    Raises:
        ValueError: If there is none, they are over different latents, or, when called, one is no
            diagonal normal.
    """

    def __init__(self, experts: Sequence[Posterior]) -> None:
        super().__init__(experts)

    def forward(self, x: Views, present: Tensor | None = None) -> Distribution:
        """Returns q(z|x) for the modalities that are there; see `ExpertsPosterior.read`."""
        found, there = self.read(x, present)
        return product_of_normals(found, there, prior_precision=1.0)


def product_of_normals(
    found: Sequence[Distribution | None], there: Tensor, *, prior_precision: float
) -> Distribution:
    """The normal that is proportional to the product of some, and of a standard one.

    Args:
        found: Diagonal normals; None is left out.
        there: Which of them count, bool ``(*batch, M)`` or ``(M,)``.
        prior_precision: How much the standard one counts: 1, or 0 for not at all.

    Raises:
        ValueError: If one is no diagonal normal.
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
                "experts: expected normals of independent variables, whose product is one too, "
                f"got {type(each).__name__}; a MixturePosterior takes any"
            )
        here = there[..., m].reshape(*there.shape[:-1], *[1] * events)
        counted = torch.where(here, each.scale**-2, 0.0)
        precision, weighted = precision + counted, weighted + counted * each.loc
    loc = weighted / precision
    return Normal(loc, resolvable(precision**-0.5, loc)).to_event(events)
