"""Flow prior."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from pyro.distributions.transforms import AffineCoupling, Permute, SplineAutoregressive
from pyro.nn import AutoRegressiveNN, DenseNN
from torch import Size, Tensor, nn
from torch.distributions import Distribution
from torch.distributions.transforms import ReshapeTransform
from torch.overrides import TorchFunctionMode

from pyrovae.distributions import Normal
from pyrovae.distributions.flow import Affine, Flow
from pyrovae.nn.network import Shape, as_size, check_layers
from pyrovae.posteriors.iaf import check_autoregressive, order
from pyrovae.priors.base import Prior

__all__ = ["FlowPrior"]

Transform = Literal["affine_autoregressive", "affine_coupling", "spline_autoregressive"]
BINS = 8


class FlowPrior(Prior):
    r"""A normalizing flow: a standard normal pushed through learned invertible transforms.

    .. math:: \log p(z) = \log N(f(z); 0, I) +
        \log \left\lvert \det \frac{\partial f}{\partial z} \right\rvert, \quad
        f = f_K \circ \cdots \circ f_1

    Training needs the density, so the density is the cheap direction: one pass through :math:`f`.
    A draw inverts :math:`f`, which autoregressive transforms do one variable at a time. The
    transforms are Pyro's:

    * ``"affine_autoregressive"``: a masked autoregressive flow;
    * ``"affine_coupling"``: the layers of RealNVP, where draws cost as little as densities;
    * ``"spline_autoregressive"``: monotonic rational splines on [-3, 3], and the identity
      outside.

    Each transform reverses the order of the variables of the one before it. The density is
    accurate to single precision for networks of the usual size, whose transforms together scale
    the variables by a few tens at most. Larger scale factors are not guarded against.

    Chen, Kingma, Salimans et al., 2017, Variational lossy autoencoder,
    https://arxiv.org/abs/1611.02731; Papamakarios, Pavlakou and Murray, 2017, Masked
    autoregressive flow, https://arxiv.org/abs/1705.07057; Dinh, Sohl-Dickstein and Bengio, 2017,
    Density estimation using Real NVP, https://arxiv.org/abs/1605.08803; Dolatabadi, Erfani and
    Leckie, 2020, Invertible generative modeling using linear rational splines,
    https://arxiv.org/abs/2001.05168.

    Args:
        latent_features: Number of latent variables; or the shape of a latent, such as a map
            (channels, height, width), which the flow flattens to a vector.
        transform: Kind of transform.
        transforms: Number :math:`K` of transforms.
        hidden: Units of each hidden layer of the transforms' networks. For the autoregressive
            transforms, no layer may be smaller than the number of latent variables.

    Raises:
        ValueError: If there is only one latent variable, ``transform`` is unknown, or a size does
            not fit.
    """

    latent_kind = "real"
    constant_buffers = ("origin",)

    def __init__(
        self,
        latent_features: Shape,
        *,
        transform: Transform = "affine_autoregressive",
        transforms: int = 4,
        hidden: Sequence[int] = (64,),
    ) -> None:
        super().__init__()
        self.latent_shape: Size = as_size(latent_features, "latent_features")
        as_size(transforms, "transforms")
        coupling = transform == "affine_coupling"
        check_layers(hidden, "hidden")
        # The network of a coupling layer accepts hidden layers of any size.
        features = self.latent_shape.numel()
        check_autoregressive(features, [features] if coupling else hidden)
        self.transform = transform
        self.origin: Tensor
        self.register_buffer("origin", torch.zeros(features))
        self.networks = nn.ModuleList(
            self._network(features, list(hidden), k) for k in range(transforms)
        )

    def _network(self, n: int, hidden: list[int], k: int) -> nn.Module:
        if self.transform == "affine_coupling":
            seen = n // 2
            return DenseNN(seen, hidden, [n - seen, n - seen], nonlinearity=nn.ELU())
        sizes = {
            "affine_autoregressive": [1, 1],
            "spline_autoregressive": [BINS, BINS, BINS - 1, BINS],
        }
        return AutoRegressiveNN(
            n,
            hidden,
            param_dims=sizes[self.transform],
            permutation=order(n, k),
            nonlinearity=nn.ELU(),
        )

    def forward(self) -> Distribution:
        """Returns the flow, with event shape ``latent_shape``."""
        # From latents to noise. Made anew on each call; see pyrovae.distributions.flow.
        to_noise: list[Any] = []
        for network in self.networks:
            if self.transform == "affine_autoregressive":
                to_noise.append(Affine(network))
            elif self.transform == "spline_autoregressive":
                to_noise.append(_Spline(len(self.origin), network, count_bins=BINS))
            else:
                backwards = torch.arange(len(self.origin), device=self.origin.device).flip(0)
                to_noise += [AffineCoupling(len(self.origin) // 2, network), Permute(backwards)]
        base = Normal(self.origin, torch.ones_like(self.origin)).to_event(1)
        from_noise = [f.inv for f in reversed(to_noise)]
        if len(self.latent_shape) > 1:
            from_noise.append(ReshapeTransform(base.event_shape, self.latent_shape))
        return Flow(base, from_noise)


class _Spline(SplineAutoregressive):
    """Splines that do not index with a boolean mask, which a traced program would record.

    Pyro selects the values outside the splines' range by such a mask, to leave them unchanged.
    The size of the selection depends on the data.
    """

    def _call(self, x: Tensor) -> Tensor:
        with _SelectWithoutLooking():
            return super()._call(x)

    def _inverse(self, y: Tensor) -> Tensor:
        with _SelectWithoutLooking():
            return super()._inverse(y)


class _SelectWithoutLooking(TorchFunctionMode):
    """Replaces ``a[mask] = b[mask]`` by an elementwise choice between ``a`` and ``b``."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (Tensor.__getitem__, Tensor.__setitem__):
            values, index, *new = args
            if isinstance(index, Tensor) and index.dtype == torch.bool:
                return values.copy_(torch.where(index, new[0], values)) if new else values
        return func(*args, **(kwargs or {}))
