"""Normal likelihood."""

from typing import Any, Literal

import pyro.distributions as dist
import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution

from pyrovae.likelihoods.base import Likelihood
from pyrovae.nn.network import Network, check_network
from pyrovae.nn.positive import positive

__all__ = ["NormalLikelihood"]


class NormalLikelihood(Likelihood):
    r"""Independent normals with means from a network and a fixed, learned or predicted scale.

    .. math:: p(x \mid z) = \prod_d N(x_d; \mu_d(z), \sigma_d^2)

    A fixed scale weighs reconstruction against the KL term by hand; one learned scale finds the
    balance (Rybkin et al.); a predicted scale says for each variable how sure the decoder is.

    Rybkin, Daniilidis and Levine, 2021, Simple and effective VAE training with calibrated
    decoders, https://arxiv.org/abs/2006.13202.

    Args:
        network: From a latent to the means, with ``out_shape`` that of one datum; with a
            predicted scale the first dimension is twice as long: the means, then the scales
            before they are made positive.
        scale: A positive number (fixed), ``"learned"`` (one number for all variables) or
            ``"predicted"`` (by the network, for each variable).
        min_scale: Smallest learned or predicted scale, in the data's unit. Without it the
            density of a variable that never varies grows without bound.

    Raises:
        ValueError: If the scale is none of these, the network does not declare its shapes, or its
            output cannot be halved.
    """

    def __init__(
        self,
        network: Network,
        *,
        scale: float | Literal["learned", "predicted"] = "learned",
        min_scale: float = 1e-3,
    ) -> None:
        super().__init__()
        check_network(network)
        if isinstance(scale, str):
            if scale not in ("learned", "predicted"):
                raise ValueError(
                    f"scale: expected a positive number, 'learned' or 'predicted', got {scale!r}"
                )
        elif not scale > 0:
            raise ValueError(f"scale: expected a positive number, got {scale}")
        first, *rest = network.out_shape
        if scale == "predicted":
            if first % 2:
                raise ValueError(
                    "network: a predicted scale needs an out_shape with an even first "
                    f"dimension (means, then scales), got {tuple(network.out_shape)}"
                )
            first //= 2
        self.latent_shape = network.in_shape
        self.data_shape = Size([first, *rest])
        self.network = network
        self.event_dim = len(network.out_shape)
        self.scale = scale
        self.min_scale = min_scale
        if scale == "learned":
            self.raw_scale = nn.Parameter(torch.zeros(()))
        elif scale != "predicted":
            self.fixed_scale: Tensor
            self.register_buffer("fixed_scale", torch.tensor(float(scale)))

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        loc = self.network(z)
        if self.scale == "predicted":
            loc, raw_scale = loc.chunk(2, dim=-self.event_dim)
            scale = positive(raw_scale) + self.min_scale
        elif self.scale == "learned":
            scale = positive(self.raw_scale) + self.min_scale
        else:
            scale = self.fixed_scale
        return dist.Normal(loc, scale).to_event(self.event_dim)

    @classmethod
    def network_shape(
        cls, data_shape: Size, *, scale: float | str = "learned", **options: Any
    ) -> Size:
        """A mean for each variable, and a scale where it is predicted."""
        factor = 2 if scale == "predicted" else 1
        return Size([factor * data_shape[0], *data_shape[1:]])
