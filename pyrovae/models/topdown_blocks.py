"""The blocks of a deep hierarchy: a layer of latents, and how it moves the path on."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Size, Tensor
from torch.distributions import Distribution
from torch.distributions import Normal as AnyNormal
from torch.nn.functional import softplus

from pyrovae.component import Component
from pyrovae.distributions import Normal
from pyrovae.distributions.normal import resolvable
from pyrovae.distributions.special import at_least_single
from pyrovae.distributions.unwrap import family, unblocked
from pyrovae.latents import check_kinds
from pyrovae.models.agreement import check_agreement
from pyrovae.models.condition import Join
from pyrovae.nn.network import Network
from pyrovae.posteriors.base import Posterior

__all__ = ["ResidualNormalBlock", "TopDownBlock", "TopDownLayer"]

# Where softplus(r + ONE) is 1.
ONE = 0.5413248546129181


class TopDownLayer(Component, ABC):
    """A layer of latents of a `TopDownVAE`, which reads the path from above and moves it on.

    One of your own is a class with these three methods and four shapes. Each takes any leading
    dimensions, and two batches that broadcast.

    Attributes:
        in_shape: Shape of the path that it reads.
        out_shape: Shape of the path that it gives.
        features_shape: Shape of what the encoders say to it of a datum.
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


class _Block(TopDownLayer):
    """What the two kinds of blocks share: the prior, and how the path goes on.

    Args:
        prior: p(z|h), from the path.
        merge: From the path beside the latent to the path below.
        beside: Shape of what reads the path beside the features.
    """

    prior: Posterior
    merge: Network

    def __init__(self, prior: Posterior, merge: Network, beside: Size) -> None:
        super().__init__()
        if prior.data_shape is None or prior.latent_shape is None:
            raise ValueError(
                "prior: expected a posterior that declares the shapes of the path and of the "
                f"latent, got {type(prior).__name__}"
            )
        if not prior.density_everywhere:
            raise ValueError(
                "prior: a prior scores the draws of the guide, and "
                f"{type(prior).__name__} knows the density of its own draws alone"
            )
        self.in_shape, self.latent_shape = prior.data_shape, prior.latent_shape
        self.out_shape = merge.out_shape
        self.features_shape = _rest(beside, self.in_shape)
        self.beside_features = Join(self.in_shape, self.features_shape, beside, what="posterior")
        self.beside_latent = Join(
            self.in_shape, self.latent_shape, merge.in_shape, what="merge: the path beside z"
        )

    def prior_at(self, h: Tensor) -> Distribution:
        """Returns p(z|h), for a path ``(*batch, *in_shape)``."""
        p: Distribution = self.prior(h)
        return p

    def forward(self, h: Tensor, z: Tensor) -> Tensor:
        """Returns the path below, ``(*batch, *out_shape)``; of one shape with the path, it is added."""
        found: Tensor = self.merge(self.beside_latent(h, z))
        return h + found if self.out_shape == self.in_shape else found


class TopDownBlock(_Block):
    r"""A block whose posterior is any, of the path beside the features.

    .. math:: p(z \mid h), \qquad q(z \mid h, x) = q(z \mid h \oplus d(x)), \qquad
        h' = h + m(h \oplus z)

    where :math:`\oplus` puts maps of one height and width one behind the other, as channels, and
    vectors likewise. Where the path below has another shape, as at a step to a higher resolution,
    it is :math:`m(h \oplus z)` alone. Child, 2021, https://arxiv.org/abs/2011.10650.

    Args:
        prior: p(z|h); a `Posterior`, as a network that ends in a distribution, such as a
            `NormalPosterior`.
        posterior: q(z|h, x), of the path and the features behind it.
        merge: m, from the path and the latent behind it to the path below.

    Raises:
        ValueError: If the shapes or the kinds of latents do not fit, or the prior knows the
            density of its own draws alone.
    """

    def __init__(self, prior: Posterior, posterior: Posterior, merge: Network) -> None:
        if posterior.data_shape is None:
            raise ValueError(
                f"posterior: expected one that declares what it reads, got "
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
    r"""A block whose posterior says how it differs from the prior.

    .. math:: p(z \mid h) = N(\mu, \sigma^2), \qquad
        q(z \mid h, x) = N\left(\mu + \sigma \, \Delta\mu, (\sigma \, \Delta\sigma)^2\right), \qquad
        h' = h + m(h \oplus z)

    with :math:`\Delta\mu` and :math:`\Delta\sigma` of :math:`h \oplus d(x)`: where the data say
    nothing, the posterior is the prior by itself, which keeps deep hierarchies stable. The shift is
    in units of the prior's scale, so that :math:`KL = \frac12 (\Delta\mu^2 + \Delta\sigma^2 - \log
    \Delta\sigma^2 - 1)` does not depend on the prior.

    Vahdat and Kautz, 2020, https://arxiv.org/abs/2007.03898 (section 3.2).

    Args:
        prior: p(z|h), a diagonal normal; see `TopDownBlock`.
        network: From the path and the features behind it to two numbers for each latent variable,
            one behind the other along the first dimension: the shift, and the ratio of scales before
            it is made positive (1 at 0).
        merge: m, from the path and the latent behind it to the path below.

    Raises:
        ValueError: If the shapes do not fit; when called, if the prior is no diagonal normal.
    """

    def __init__(self, prior: Posterior, network: Network, merge: Network) -> None:
        super().__init__(prior, merge, network.in_shape)
        first, *rest = self.latent_shape
        if tuple(network.out_shape) != (2 * first, *rest):
            raise ValueError(
                f"network: expected an out_shape of {(2 * first, *rest)}, two numbers for each "
                f"variable of a latent {tuple(self.latent_shape)}, got {tuple(network.out_shape)}"
            )
        self.network, self.prior, self.merge = network, prior, merge

    def posterior_at(self, h: Tensor, features: Tensor) -> Distribution:
        """Returns q(z|h, x), for a path and features ``(*batch, *features_shape)``."""
        events = len(self.latent_shape)
        over: Any = unblocked(self.prior_at(h))
        if not isinstance(over, AnyNormal):
            raise ValueError(
                f"prior: expected a diagonal normal, from which a posterior differs by a shift and "
                f"a ratio, got {family(over)}"
            )
        numbers = at_least_single(self.network(self.beside_features(h, features)))
        shift, raw = numbers.chunk(2, dim=-events)
        loc = over.loc + over.scale * shift
        ratio = softplus(raw + ONE) + torch.finfo(raw.dtype).tiny
        return Normal(loc, resolvable(over.scale * ratio, loc)).to_event(events)


def _rest(beside: Size, path: Size) -> Size:
    """The shape of features that a network reads behind the path."""
    if len(beside) == len(path) == 3 and beside[1:] == path[1:] and beside[0] > path[0]:
        return Size([beside[0] - path[0], *path[1:]])
    if len(beside) == 1 and beside[0] > path.numel():
        return Size([beside[0] - path.numel()])
    raise ValueError(
        f"posterior: expected one that reads the path {tuple(path)} and features behind it, got "
        f"one that reads {tuple(beside)}"
    )
