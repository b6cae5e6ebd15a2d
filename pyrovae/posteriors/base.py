"""The base class of posteriors."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.component import Component
from pyrovae.latents import LatentKind
from pyrovae.nn.network import Network, check_network

__all__ = ["Posterior", "latent_features_of", "latent_shape_of"]


class Posterior(Component, ABC):
    """An amortised posterior q(z|x): a module that returns a distribution for each datum.

    Attributes:
        data_shape: Shape of one datum, if it is known before the first call.
        latent_shape: Shape of one latent, if it is known before the first call.
        latent_kind: The space that latents lie in, if it is known before the first call. Models
            refuse a prior over another kind of space.
        density_everywhere: Whether the density can be evaluated at any value, and not only at the
            distribution's own last draw. Priors made of posteriors need this.
        mean_known: Whether the mean of the distribution is known in closed form.
        takes_maps: Whether a latent may have any shape, such as a map (channels, height, width),
            and `network_shape` accepts that shape. Otherwise latents are vectors.
    """

    data_shape: Size | None = None
    latent_shape: Size | None = None
    latent_kind: LatentKind | None = None
    density_everywhere: bool = True
    mean_known: bool = True
    takes_maps: ClassVar[bool] = False

    @abstractmethod
    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x).

        Args:
            x: Data, ``(*batch, *data_shape)``.

        Returns:
            A distribution with ``batch_shape (*batch,)`` and the shape of one latent as
            ``event_shape``.
        """

    @classmethod
    def network_shape(cls, latent_features: Any, **options: Any) -> Size:
        """Returns the ``out_shape`` that the posterior's network must have.

        Code that builds a network for a posterior calls this, such as the command line.

        Args:
            latent_features: Number of latent variables; a class with `takes_maps` also accepts a
                shape.
            **options: The other arguments that the posterior will be constructed with.

        Raises:
            ValueError: If the class does not define it. Only a class that is constructed by name,
                as on a command line, has to.
        """
        raise ValueError(
            f"{cls.__name__}: it does not say which network it needs; define network_shape to "
            "build it by name, or construct it in Python"
        )


def latent_features_of(cls: type[Posterior], network: Network, **options: Any) -> int:
    """Infers the number of latent variables, which are a vector; see `latent_shape_of`."""
    return latent_shape_of(cls, network, **options)[0]


def latent_shape_of(cls: type[Posterior], network: Network, **options: Any) -> Size:
    """Infers the shape of a latent from a network's output shape.

    Args:
        cls: The posterior's class, whose `network_shape` is inverted.
        network: The posterior's network.
        **options: The arguments that `network_shape` depends on.

    Raises:
        ValueError: If it is not a `Network`, its output is a map and the class takes vectors, or it
            fits no number of latent variables.
    """
    check_network(network)
    first, *rest = network.out_shape
    if rest and not cls.takes_maps:
        raise ValueError(
            f"network: {cls.__name__} takes vectors, not maps: expected an out_shape of one "
            f"dimension, got {tuple(network.out_shape)}"
        )
    for features in range(1, first + 1):
        shape = cls.network_shape([features, *rest] if rest else features, **options)
        if shape == network.out_shape:
            return Size([features, *rest])
        if shape[0] > first:
            break
    example = [2, *rest] if rest else 2
    raise ValueError(
        f"network: its out_shape fits no number of latent variables; {cls.__name__} needs, for "
        f"example, {tuple(cls.network_shape(example, **options))} for {example} latent "
        f"variables, got {tuple(network.out_shape)}"
    )
