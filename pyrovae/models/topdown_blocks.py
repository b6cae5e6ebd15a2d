"""The blocks of a deep hierarchy: a layer of latents, and its update of the path."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution
from torch.distributions import Normal as AnyNormal
from torch.nn.functional import softplus

from pyrovae.checks import check_agreement
from pyrovae.component import Component
from pyrovae.distributions import Normal
from pyrovae.distributions.normal import resolvable
from pyrovae.distributions.special import at_least_single
from pyrovae.distributions.unwrap import family, unblocked
from pyrovae.latents import check_kinds
from pyrovae.models.condition import Join
from pyrovae.nn.network import Network
from pyrovae.posteriors.base import Posterior
from pyrovae.recent import Recent

__all__ = ["ResidualNormalBlock", "TopDownBlock", "TopDownLayer"]

# softplus(r + ONE) is 1 at r = 0.
ONE = 0.5413248546129181

# The network's numbers are bounded by this. Without a bound, some images that are unlike the
# training images get posteriors thousands of standard deviations from the prior.
MOST = 10.0


class TopDownLayer(Component, ABC):
    """A layer of latents in a `TopDownVAE`, which reads the path from above and updates it.

    To write your own, implement these three methods and set the four shapes. The methods must
    accept any leading dimensions, and two batches that broadcast.

    Attributes:
        in_shape: Shape of the path that it reads.
        out_shape: Shape of the path that it returns.
        features_shape: Shape of the encoder output that it reads.
        latent_shape: Shape of its latent.
    """

    in_shape: Size
    out_shape: Size
    features_shape: Size
    latent_shape: Size

    @abstractmethod
    def prior_at(self, h: Tensor) -> Distribution:
        """Returns p(z|h), for a path ``(*batch, *in_shape)``."""

    @abstractmethod
    def posterior_at(self, h: Tensor, features: Tensor) -> Distribution:
        """Returns q(z|h, x), for a path and features ``(*batch, *features_shape)``."""

    @abstractmethod
    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        """Returns the path below, ``(*batch, *out_shape)``."""

    def forget(self) -> None:
        """Forgets what it may have kept of a step; called before each guide and after each model."""


class _Block(TopDownLayer):
    """The base class of both kinds of blocks: the prior, and the update of the path.

    Args:
        prior: p(z|h), given the path.
        merge: Maps the path joined with the latent to the path below.
        beside: Input shape of the network that reads the path joined with the features.
    """

    prior: Posterior
    merge: Network

    def __init__(self, prior: Posterior, merge: Network, beside: Size) -> None:
        super().__init__()
        if prior.data_shape is None or prior.latent_shape is None:
            raise ValueError(
                "prior: expected a posterior that declares data_shape (the path) and "
                f"latent_shape, got {type(prior).__name__}"
            )
        if not prior.density_everywhere:
            raise ValueError(
                f"prior: {type(prior).__name__} can only evaluate the density of its own draws, "
                "but a prior must evaluate the guide's draws"
            )
        self.in_shape, self.latent_shape = prior.data_shape, prior.latent_shape
        self.out_shape = merge.out_shape
        self.features_shape = _rest(beside, self.in_shape)
        self.beside_features = Join(self.in_shape, self.features_shape, beside, what="posterior")
        self.beside_latent = Join(
            self.in_shape, self.latent_shape, merge.in_shape, what="merge: the path beside z"
        )
        self._recent = Recent()

    def prior_at(self, h: Tensor) -> Distribution:
        """Returns p(z|h), for a path ``(*batch, *in_shape)``."""
        p: Distribution = self._recent("prior", self.prior, self.prior, h)
        return p

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        """Returns the path below, ``(*batch, *out_shape)``; a residual if the shapes are equal."""
        return self._recent("path", self._merged, self.merge, h, z)

    def forget(self) -> None:
        """Forgets what the guide has computed; see `Recent`."""
        self._recent.forget()

    def _merged(self, h: Tensor, z: Tensor) -> Tensor:
        found: Tensor = self.merge(self.beside_latent(h, z))
        return h + found if self.out_shape == self.in_shape else found


class TopDownBlock(_Block):
    r"""A block with any posterior, given the path joined with the features.

    .. math:: p(z \mid h), \qquad q(z \mid h, x) = q(z \mid h \oplus d(x)), \qquad
        h' = h + m(h \oplus z)

    where :math:`\oplus` concatenates maps of the same height and width along the channels, and
    vectors along their features. If the path below has another shape, as at a step to a higher
    resolution, it is :math:`m(h \oplus z)` alone. Child, 2021, https://arxiv.org/abs/2011.10650.

    Args:
        prior: p(z|h); a `Posterior`, as a network that ends in a distribution, such as a
            `NormalPosterior`.
        posterior: q(z|h, x), given the path followed by the features.
        merge: m, which maps the path followed by the latent to the path below.

    Raises:
        ValueError: If the shapes or the kinds of latents do not fit, or the prior only knows the
            density of its own draws.
    """

    def __init__(self, prior: Posterior, posterior: Posterior, merge: Network) -> None:
        if posterior.data_shape is None:
            raise ValueError(
                "posterior: expected one that declares its data_shape, got "
                f"{type(posterior).__name__}"
            )
        super().__init__(prior, merge, posterior.data_shape)
        check_agreement(
            "latent", {"prior": prior.latent_shape, "posterior": posterior.latent_shape}
        )
        check_kinds("the block's latent", posterior.latent_kind, prior.latent_kind)
        self.posterior, self.prior, self.merge = posterior, prior, merge

    def posterior_at(self, h: Tensor, features: Tensor) -> Distribution:
        """Returns q(z|h, x), for a path and features ``(*batch, *features_shape)``."""
        found: Distribution = self.posterior(self.beside_features(h, features))
        return found


class ResidualNormalBlock(_Block):
    r"""A block whose posterior is parameterised by its difference from the prior.

    .. math:: p(z \mid h) = N(\mu, \sigma^2), \qquad
        q(z \mid h, x) = N\left(\mu + \sigma \, \Delta\mu, (\sigma \, \Delta\sigma)^2\right), \qquad
        h' = h + m(h \oplus z)

    where :math:`\Delta\mu` and :math:`\Delta\sigma` are computed from :math:`h \oplus d(x)`. If
    the data carry no information, the posterior equals the prior, which keeps deep hierarchies
    stable. The shift is in units of the prior's scale, so that :math:`KL = \frac12 (\Delta\mu^2 +
    \Delta\sigma^2 - \log \Delta\sigma^2 - 1)` does not depend on the prior. Both are bounded
    smoothly: the shift by ten standard deviations, by a hyperbolic tangent.

    Vahdat and Kautz, 2020, https://arxiv.org/abs/2007.03898 (section 3.2; their code bounds both
    by five).

    Args:
        prior: p(z|h), a diagonal normal; see `TopDownBlock`.
        network: Maps the path followed by the features to two numbers for each latent variable,
            concatenated along the first dimension: the shifts, then the ratios of scales before
            they are made positive (1 at 0).
        merge: m, which maps the path followed by the latent to the path below.

    Raises:
        ValueError: If the shapes do not fit; when called, if the prior is not a diagonal normal.
    """

    def __init__(self, prior: Posterior, network: Network, merge: Network) -> None:
        super().__init__(prior, merge, network.in_shape)
        first, *rest = self.latent_shape
        if tuple(network.out_shape) != (2 * first, *rest):
            raise ValueError(
                f"network: expected an out_shape of {(2 * first, *rest)}, two numbers for each "
                f"variable of a latent of shape {tuple(self.latent_shape)}, got "
                f"{tuple(network.out_shape)}"
            )
        self.network, self.prior, self.merge = network, prior, merge

    def posterior_at(self, h: Tensor, features: Tensor) -> Distribution:
        """Returns q(z|h, x), for a path and features ``(*batch, *features_shape)``."""
        events = len(self.latent_shape)
        over: Any = unblocked(self.prior_at(h))
        if not isinstance(over, AnyNormal):
            raise ValueError(
                "prior: expected a diagonal normal, because the posterior shifts its mean and "
                f"scales its standard deviation, got {family(over)}"
            )
        numbers = at_least_single(self.network(self.beside_features(h, features)))
        numbers = MOST * (numbers / MOST).tanh()
        shift, raw = numbers.chunk(2, dim=-events)
        loc = over.loc + over.scale * shift
        ratio = softplus(raw + ONE) + torch.finfo(raw.dtype).tiny
        return Normal(loc, resolvable(over.scale * ratio, loc)).to_event(events)


def _rest(beside: Size, path: Size) -> Size:
    """Returns the shape of the features that a network reads after the path."""
    if len(beside) == len(path) == 3 and beside[1:] == path[1:] and beside[0] > path[0]:
        return Size([beside[0] - path[0], *path[1:]])
    if len(beside) == 1 and beside[0] > path.numel():
        return Size([beside[0] - path.numel()])
    raise ValueError(
        f"posterior: expected one that reads the path {tuple(path)} followed by features, got one "
        f"that reads {tuple(beside)}"
    )
