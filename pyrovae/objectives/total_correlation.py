"""The evidence lower bound with a weight on the total correlation of the latents."""

import math
from typing import Any, Literal

import torch
from pyro.distributions.util import scale_and_mask
from pyro.poutine import Trace
from torch import Tensor

from pyrovae.objectives.aggregate import only_latent
from pyrovae.objectives.base import Objective
from pyrovae.objectives.terms import Term, elbo_terms, factorised, per_feature, sum_of_terms
from pyrovae.objectives.weights import Weight

__all__ = ["TotalCorrelationELBO"]


class TotalCorrelationELBO(Objective):
    r"""The evidence lower bound with its KL term split into three weighted parts (beta-TCVAE).

    .. math:: E_q[\log p(x \mid z)] - \alpha \, I(x; z)
        - \beta \, KL\Big(q(z) \,\Vert\, \prod_d q(z_d)\Big)
        - \gamma \, E_{q(z)}\Big[\sum_d \log q(z_d) - \log p(z)\Big]

    where :math:`q(z) = \frac{1}{N} \sum_n q(z \mid x_n)` is the aggregate posterior over the
    :math:`N` training data. With all weights equal to 1 this is the ELBO. The densities of the
    aggregate posterior are estimated from the batch of :math:`B`, at each of its draws
    :math:`z_i`:

    .. math:: \log q(z_i) \approx \log \sum_{j=1}^{B} v_{ij} \, q(z_i \mid x_j)

    and likewise for each :math:`q(z_d)`. The estimator ``"weighted"`` has
    :math:`v_{ij} = \frac{1}{NB}` and is biased, partly by an additive constant. The estimator
    ``"stratified"`` has :math:`v_{ii} = \frac{1}{N}` and otherwise
    :math:`v_{ij} = \frac{N - 1}{N (B - 1)}`, so the sum is unbiased for :math:`q(z_i)`, and exact
    if the batch contains all data. The paper's stratified weights depend on the order of the other
    data in the batch; these are their average over all orders.

    Chen, Li, Grosse and Duvenaud, 2018, Isolating sources of disentanglement in VAEs,
    https://arxiv.org/abs/1802.04942.

    Args:
        data_size: Number :math:`N` of training data. It can be left out if the data's plate
            subsamples its batch from all data, because the plate then knows it.
        beta: Weight of the total correlation, at least 0.
        alpha: Weight of the mutual information of datum and latent, at least 0.
        gamma: Weight of the dimension-wise KL, at least 0.
        estimator: Estimator of the aggregate posterior's densities.
        num_particles: Number of draws for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.

    Raises:
        ValueError: If a weight is negative or the estimator is unknown; at the first call, if the
            number of data is unknown or less than the batch, if the posterior does not factorise
            over its features, or if there is not exactly one latent, inside the data's plate. The
            message names the site.
    """

    across_batch = True
    beta = Weight()
    alpha = Weight()
    gamma = Weight()

    def __init__(
        self,
        *,
        data_size: int | None = None,
        beta: float = 6.0,
        alpha: float = 1.0,
        gamma: float = 1.0,
        estimator: Literal["stratified", "weighted"] = "stratified",
        num_particles: int = 1,
        max_plate_nesting: int = 1,
    ) -> None:
        if data_size is not None and data_size < 2:
            raise ValueError(f"data_size: expected at least 2, got {data_size}")
        super().__init__(num_particles=num_particles, max_plate_nesting=max_plate_nesting)
        self.data_size = data_size
        self.beta = beta
        self.alpha = alpha
        self.gamma = gamma
        self.estimator = estimator

    def bound_and_surrogate(self, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
        """The bound and its surrogate, summed over the batch and averaged over particles."""
        p, q, scale = only_latent(
            model_trace,
            guide_trace,
            num_particles=self.num_particles,
            nesting=self.plate_nesting,
        )
        joint, product = self.aggregate(q, scale)
        conditional = q["fn"].log_prob(q["value"])
        extra = (
            (1 - self.alpha) * (conditional - joint)
            + (1 - self.beta) * (joint - product)
            + (1 - self.gamma) * (product - p["fn"].log_prob(q["value"]))
        )
        extra = scale_and_mask(extra, q["scale"], q["mask"])
        terms = [
            *elbo_terms(model_trace, guide_trace),
            Term(q["cond_indep_stack"], extra, extra, q["name"]),
        ]
        bound, surrogate = sum_of_terms(terms, guide_trace)
        return bound / self.num_particles, surrogate / self.num_particles

    def aggregate(self, site: Any, scale: float) -> tuple[Tensor, Tensor]:
        r"""Estimates the aggregate posterior's densities at each draw.

        Args:
            site: The latent's site in the guide.
            scale: Scale of the data's plate.

        Returns:
            :math:`\log q(z)` and :math:`\sum_d \log q(z_d)`, ``(B,)`` or ``(K, B)``.
        """
        fn, value = factorised(site), site["value"]
        events = len(site["fn"].event_shape)
        # (..., B, *event) to (B, ..., 1, *event): pairs each draw with each datum's posterior.
        value = value.movedim(-1 - events, 0).unsqueeze(-1 - events)
        pairs = per_feature(site, fn.log_prob(value))
        weights = self._log_weights(pairs, scale)
        joint = (pairs.sum(-1) + weights).logsumexp(-1)
        product = (pairs + weights.unsqueeze(-1)).logsumexp(-2).sum(-1)
        return joint.movedim(0, -1), product.movedim(0, -1)

    def _log_weights(self, pairs: Tensor, scale: float) -> Tensor:
        """Returns the log-weights of all pairs, which broadcast to ``(B, ..., B)``."""
        batch = pairs.shape[-2]
        n = self.data_size or (round(scale * batch) if scale > 1 else None)
        if n is None:
            raise ValueError(
                "data_size: expected the number of training data, which the estimate of the "
                "aggregate posterior needs, got none"
            )
        if n < batch:
            raise ValueError(f"data_size: expected at least the batch size, {batch}, got {n}")
        if self.estimator == "weighted":
            return pairs.new_full((batch, *[1] * (pairs.dim() - 3), batch), -math.log(n * batch))
        others = pairs.new_full((batch, batch), math.log((n - 1) / (n * (batch - 1))))
        own = torch.eye(batch, dtype=torch.bool, device=pairs.device)
        weights = others.masked_fill(own, -math.log(n))
        return weights.view(batch, *[1] * (pairs.dim() - 3), batch)
