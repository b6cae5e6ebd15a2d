"""A likelihood of counts with excess zeros."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution

from pyrovae.distributions import ZeroInflated
from pyrovae.distributions.special import at_least_single
from pyrovae.distributions.unwrap import unblocked
from pyrovae.likelihoods.base import Likelihood
from pyrovae.likelihoods.counted import check_counted
from pyrovae.likelihoods.parameters import shape_within
from pyrovae.nn.network import Network

__all__ = ["ZeroInflatedLikelihood"]


class ZeroInflatedLikelihood(Likelihood):
    r"""A likelihood of counts with excess zeros, which arise by a separate mechanism.

    .. math:: p(x \mid z) = \prod_d \pi_d \, [x_d = 0] + (1 - \pi_d) \, p_0(x_d \mid z),
        \quad \pi_d = 1 / (1 + e^{-g_d(z)})

    In single cells, a zero may mean that a transcript was present but not captured; in ecology,
    that a species cannot live at a site. It is not needed if a likelihood with enough dispersion
    already produces as many zeros as the data have.

    Lambert, 1992, Zero-inflated Poisson regression, with an application to defects in
    manufacturing, https://doi.org/10.2307/1269547; Lopez, Regier, Cole, Jordan and Yosef, 2017, A
    deep generative model for gene expression profiles from single-cell RNA sequencing,
    https://arxiv.org/abs/1709.02082.

    Args:
        likelihood: The likelihood :math:`p_0`, of independent counts.
        gate: Maps a latent to the logits g. If None, one logit is learned for each variable.

    Raises:
        ValueError: If the likelihood is not of independent counts, or the shapes of the gate
            differ from those of the likelihood.
    """

    counts = independent_counts = True

    def __init__(self, likelihood: Likelihood, gate: Network | None = None) -> None:
        super().__init__()
        self.latent_shape, self.data_shape = check_counted(likelihood)
        self.likelihood = likelihood
        self.gate = gate
        if gate is None:
            self.gate_logits = nn.Parameter(torch.zeros(self.data_shape))
        elif (gate.in_shape, gate.out_shape) != (self.latent_shape, self.data_shape):
            raise ValueError(
                f"gate: expected a network from {tuple(self.latent_shape)} to "
                f"{tuple(self.data_shape)}, the shapes of the likelihood, got one from "
                f"{tuple(gate.in_shape)} to {tuple(gate.out_shape)}"
            )

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        p = self.likelihood(z)
        logits = self.gate_logits if self.gate is None else self.gate(z)
        inflated = ZeroInflated(unblocked(p), at_least_single(logits))
        return inflated.to_event(len(p.event_shape))

    @classmethod
    def network_shape(cls, data_shape: Size, **options: Any) -> Size:
        """The shape that the wrapped likelihood needs."""
        return shape_within(data_shape, options)

    @classmethod
    def known_within(
        cls, argument: str, part: Any, options: Mapping[str, Any], known: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Gives the gate the input of the likelihood's network, and a logit for each variable."""
        if argument != "gate":
            return known
        shapes = {"in_shape": known["network"].in_shape, "out_shape": known["data_shape"]}
        return {**known, **shapes}
