"""The evidence lower bound with a penalty on the aggregate posterior's covariance."""

from typing import Any, Literal

import torch
from pyro.poutine import Trace
from torch import Tensor

from pyrovae.distributions.unwrap import family
from pyrovae.objectives.aggregate import check_coordinates, only_latent
from pyrovae.objectives.analytic_kl import AnalyticKLELBO
from pyrovae.objectives.terms import factorised, per_feature
from pyrovae.objectives.weights import Weight
from pyrovae.ranks import count, total

__all__ = ["DIPELBO"]


class DIPELBO(AnalyticKLELBO):
    r"""The evidence lower bound that draws the aggregate posterior's covariance to the identity.

    .. math:: \text{ELBO} - \lambda_{od} \sum_{i \ne j} C_{ij}^2
        - \lambda_d \sum_i (C_{ii} - 1)^2, \qquad
        C = \begin{cases} \operatorname{Cov}_x[\mu(x)] & \text{I} \\
        \operatorname{Cov}_x[\mu(x)] + E_x[\Sigma(x)] & \text{II} \end{cases}

    with :math:`\mu, \Sigma` the mean and the covariance of :math:`q(z \mid x)`, and expectation
    and covariance over the batch (divided by :math:`B`, as in the paper). The second kind is the
    covariance of the aggregate posterior itself. The KL term is as in `AnalyticKLELBO`.

    Kumar, Sattigeri and Balakrishnan, 2018, Variational inference of disentangled latent
    concepts from unlabeled observations, https://arxiv.org/abs/1711.00848.

    Args:
        kind: Which covariance, ``"I"`` or ``"II"``.
        off_diagonal: The weight :math:`\lambda_{od}`, at least 0.
        diagonal: The weight :math:`\lambda_d`, at least 0; ten times as much as the other (I) or
            as much (II), as in the paper, if left out.
        num_particles: Number of draws for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If a weight is negative or the kind unknown; at the first call, if the latents
            are angles or points of hyperbolic space, whose coordinates have no covariance that
            means something, the posterior's mean (or covariance, which kind II needs beside it) has no closed form,
            or if there is not one latent, within the data's plate. The site is named.
    """

    across_batch = True
    across_ranks = True
    off_diagonal = Weight()
    diagonal = Weight()

    def __init__(
        self,
        *,
        kind: Literal["I", "II"] = "II",
        off_diagonal: float = 10.0,
        diagonal: float | None = None,
        num_particles: int = 1,
        max_plate_nesting: int = 1,
    ) -> None:
        if diagonal is None:
            diagonal = off_diagonal * (10 if kind == "I" else 1)
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)
        self.kind = kind
        self.off_diagonal = off_diagonal
        self.diagonal = diagonal

    def bound_and_surrogate(self, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
        """The bound and its surrogate, summed over the batch and averaged over particles."""
        _, q, scale = only_latent(
            model_trace,
            guide_trace,
            num_particles=self.num_particles,
            nesting=self.plate_nesting,
        )
        check_coordinates(q, "the covariance that DIPELBO draws to the identity")
        bound, surrogate = super().bound_and_surrogate(model_trace, guide_trace)
        batch = q["fn"].batch_shape[-1]
        penalty = self.penalty(self.covariance(q)).mean()
        # Of several ranks each reports it for its own data, and differentiates it for all of them.
        return (
            bound - scale * batch * penalty,
            surrogate - scale * count(batch) * penalty,
        )

    def covariance(self, site: Any) -> Tensor:
        """The covariance that is drawn to the identity, ``(d, d)`` or ``(K, d, d)``."""
        try:
            mean = per_feature(site, site["fn"].mean)
            data = count(mean.shape[-2])
            covariance = total(torch.einsum("...bi,...bj->...ij", mean, mean)) / data
            centre = total(mean.sum(-2)) / data
            covariance = covariance - centre.unsqueeze(-1) * centre.unsqueeze(-2)
            if self.kind == "II":
                covariance = covariance + total(_covariance_given_datum(site).sum(-3)) / data
        except NotImplementedError:
            raise ValueError(
                f"site {site['name']!r}: mean or covariance of {family(site['fn'])} has no "
                "closed form, which DIPELBO needs"
            ) from None
        return covariance

    def penalty(self, covariance: Tensor) -> Tensor:
        """The weighted squared distance from the identity, of each matrix."""
        squares = (covariance - torch.eye(covariance.shape[-1]).to(covariance)).square()
        diagonal = squares.diagonal(dim1=-2, dim2=-1).sum(-1)
        rest = squares.sum((-2, -1)) - diagonal
        off_diagonal, on_diagonal = self.off_diagonal.to(rest.dtype), self.diagonal.to(rest.dtype)
        return off_diagonal * rest + on_diagonal * diagonal


def _covariance_given_datum(site: Any) -> Tensor:
    """The covariance of q(z|x), ``(..., B, d, d)``."""
    fn = site["fn"]
    if hasattr(fn, "covariance_matrix"):
        return fn.covariance_matrix
    try:
        factorised(site)
    except ValueError:
        raise NotImplementedError from None
    return torch.diag_embed(per_feature(site, fn.variance))
