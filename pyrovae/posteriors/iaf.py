"""Inverse autoregressive flow posterior."""

from collections.abc import Sequence
from typing import Any

import torch
from pyro.nn import ConditionalAutoRegressiveNN
from torch import Size, Tensor, nn
from torch.distributions import Distribution
from torch.distributions.transforms import ReshapeTransform

from pyrovae.distributions.flow import Affine, Flow
from pyrovae.distributions.special import at_least_single
from pyrovae.nn.network import Network, Shape, as_size, check_layers, stacked
from pyrovae.posteriors.base import Posterior, latent_shape_of
from pyrovae.posteriors.diagonal import diagonal_normal

__all__ = ["IAFPosterior"]


class IAFPosterior(Posterior):
    r"""A diagonal normal pushed through inverse autoregressive transforms.

    .. math:: z_{k,i} = \sigma_k(z_{k-1, <i}, h(x)) \, z_{k-1,i} + \mu_k(z_{k-1, <i}, h(x)),
        \quad z_0 \sim N(\mu(x), \operatorname{diag} \sigma(x)^2)

    :math:`\mu_k` and :math:`\sigma_k` are masked networks, separate from ``network``. They see the
    variables before the i-th and a context :math:`h(x)`, which ``network`` computes. The order of
    the variables alternates between transforms. Draws and their densities are cheap; the density
    of any other value takes one pass for each latent variable. That density is NaN where the
    scales are so small beside the means that, in single precision, the value no longer shows the
    noise it came from. This happens from network outputs of about 10 on. Objectives that evaluate
    draws this way (`StickingTheLandingELBO`, `DoublyReparameterizedELBO`) then report a loss that
    is not finite.

    Kingma, Salimans, Jozefowicz, Chen, Sutskever and Welling, 2016, Improved variational
    inference with inverse autoregressive flow, https://arxiv.org/abs/1606.04934.

    Args:
        network: Maps a datum to ``2 * latent_features + context_features`` numbers: the means,
            the scales before they are made positive, and the context. For latents that are maps
            ``(C, H, W)`` its output is ``(2 * C + context_features, H, W)``; the masked networks
            see every number of the context, and the variables of a map row by row.
        transforms: Number of transforms.
        context_features: Size of the context :math:`h(x)`; for maps, its channels.
        hidden: Units of each hidden layer of the masked networks. No layer may be smaller than
            the number of latent variables.

    Raises:
        ValueError: If the network's output does not fit, there is only one latent variable, or a
            hidden layer is too small.
    """

    latent_kind = "real"
    takes_maps = True
    mean_known = False

    def __init__(
        self,
        network: Network,
        *,
        transforms: int = 2,
        context_features: int = 16,
        hidden: Sequence[int] = (64,),
    ) -> None:
        super().__init__()
        as_size(transforms, "transforms")
        as_size(context_features, "context_features")
        self.latent_shape: Size = latent_shape_of(
            IAFPosterior, network, context_features=context_features
        )
        n = self.latent_shape.numel()
        context = context_features * self.latent_shape[1:].numel()
        check_autoregressive(n, hidden)
        self.data_shape = network.in_shape
        self.network = network
        self.sizes = [n, n, context]
        self.autoregressive = nn.ModuleList(
            ConditionalAutoRegressiveNN(
                n, context, list(hidden), permutation=order(n, k), nonlinearity=nn.ELU()
            )
            for k in range(transforms)
        )

    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x) for data ``(*batch, *data_shape)``."""
        events = len(self.latent_shape)
        found = at_least_single(self.network(x)).flatten(-events)
        loc, raw_scale, context = found.split(self.sizes, dim=-1)
        base = diagonal_normal(loc, raw_scale)
        transforms: list[Any] = [Affine(_InContext(net, context)) for net in self.autoregressive]
        if events > 1:
            # With a cache, as the transforms before have one, for the density of the last draw.
            transforms.append(ReshapeTransform(base.event_shape, self.latent_shape, cache_size=1))
        return Flow(base, transforms)

    @classmethod
    def network_shape(
        cls, latent_features: Shape, *, context_features: int = 16, **options: Any
    ) -> Size:
        """A mean and a scale for each latent variable, and the context."""
        first, *rest = stacked(latent_features, 2)
        return Size([first + context_features, *rest])


class _InContext:
    """A masked network in a fixed context; leading dimensions of context and input broadcast."""

    def __init__(self, network: nn.Module, context: Tensor) -> None:
        self.network = network
        self.context = context

    def __call__(self, z: Tensor) -> Any:
        batch = torch.broadcast_shapes(z.shape[:-1], self.context.shape[:-1])
        # A network in half precision reads and writes half precision, but latents are never in it.
        dtype = next(self.network.parameters()).dtype
        found = self.network(z.expand(*batch, -1).to(dtype), self.context.to(dtype))
        return tuple(at_least_single(x) for x in found)


def order(features: int, k: int) -> Any:
    """The order of the variables in the k-th transform, alternately forwards and backwards."""
    forwards = torch.arange(features)
    return forwards.flip(0) if k % 2 else forwards


def check_autoregressive(features: int, hidden: Sequence[int]) -> None:
    """Checks that a masked network with these layers can connect all variables.

    Raises:
        ValueError: If it cannot.
    """
    if features < 2:
        raise ValueError(
            "latent_features: expected at least 2, since a flow makes latent variables depend on "
            f"each other, got {features}"
        )
    check_layers(hidden, "hidden")
    if not hidden or min(hidden) < features:
        raise ValueError(
            f"hidden: expected at least one layer, each with at least {features} units (the "
            f"number of latent variables), got {list(hidden)}"
        )
