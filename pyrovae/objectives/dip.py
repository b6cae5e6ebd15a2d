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
    r"""The evidence lower bound that pulls the aggregate posterior's covariance to the identity.

    .. math:: \text{ELBO} - \lambda_{od} \sum_{i \ne j} C_{ij}^2
        - \lambda_d \sum_i (C_{ii} - 1)^2, \qquad
        C = \begin{cases} \operatorname{Cov}_x[\mu(x)] & \text{I} \\
        \operatorname{Cov}_x[\mu(x)] + E_x[\Sigma(x)] & \text{II} \end{cases}

    where :math:`\mu, \Sigma` are the mean and the covariance of :math:`q(z \mid x)`, and the
    expectation and covariance are over the batch (divided by :math:`B`, as in the paper). Kind II
    is the covariance of the aggregate posterior itself. The KL term is as in `AnalyticKLELBO`.

    Kumar, Sattigeri and Balakrishnan, 2018, Variational inference of disentangled latent
    concepts from unlabeled observations, https://arxiv.org/abs/1711.00848.

    Args:
        kind: Which covariance, ``"I"`` or ``"II"``.
        off_diagonal: The weight :math:`\lambda_{od}`, at least 0.
        diagonal: The weight :math:`\lambda_d`, at least 0; if None, ten times the other weight (I)
            or equal to it (II), as in the paper.
        num_particles: Number of draws for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If a weight is negative or the kind is unknown; at the first call, if the
            latents are angles or points of hyperbolic space, where the covariance of coordinates
            means nothing, if the posterior's mean (or its covariance, which kind II also needs)
            has no closed form, or if there is not exactly one latent, inside the data's plate.
            The message names the site.
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
        check_coordinates(q, "the covariance penalty of DIPELBO")
        bound, surrogate = super().bound_and_surrogate(model_trace, guide_trace)
        batch = q["fn"].batch_shape[-1]
        penalty = self.penalty(self.covariance(q)).mean()
        # Each rank reports the penalty for its own data, and differentiates it for all data.
        return (
            bound - scale * batch * penalty,
            surrogate - scale * count(batch) * penalty,
        )

    def covariance(self, site: Any) -> Tensor:
        """Returns the covariance to compare with the identity, ``(d, d)`` or ``(K, d, d)``."""
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
                f"site {site['name']!r}: DIPELBO needs the mean and covariance in closed form, "
                f"which {family(site['fn'])} does not have"
            ) from None
        return covariance

    def penalty(self, covariance: Tensor) -> Tensor:
        """Returns the weighted squared distance of each matrix from the identity."""
        squares = (covariance - torch.eye(covariance.shape[-1]).to(covariance)).square()
        diagonal = squares.diagonal(dim1=-2, dim2=-1).sum(-1)
        rest = squares.sum((-2, -1)) - diagonal
        off_diagonal, on_diagonal = self.off_diagonal.to(rest.dtype), self.diagonal.to(rest.dtype)
        return off_diagonal * rest + on_diagonal * diagonal


def _covariance_given_datum(site: Any) -> Tensor:
    """Returns the covariance of q(z|x), ``(..., B, d, d)``."""
    fn = site["fn"]
    if hasattr(fn, "covariance_matrix"):
        return fn.covariance_matrix
    try:
        factorised(site)
    except ValueError:
        raise NotImplementedError from None
    return torch.diag_embed(per_feature(site, fn.variance))
