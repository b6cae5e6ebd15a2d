"""What a posterior is."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.component import Component
from pyrovae.latents import LatentKind
from pyrovae.nn.network import Network, check_network

__all__ = ["Posterior", "latent_features_of"]


class Posterior(Component, ABC):
    """An amortised posterior q(z|x): a module that returns a distribution for each datum.

    Attributes:
        data_shape: Shape of one datum, where the class knows it before it is called.
        latent_shape: Shape of one latent, likewise.
        latent_kind: Over what a latent ranges, likewise. Models refuse a prior of another kind.
        density_everywhere: Whether the density of any value is known, and not only that of the
            distribution's own last draw. Priors made of posteriors need it.
        mean_known: Whether the distribution has its mean in closed form.
        takes_maps: Whether a latent may be of any shape, such as a map (channels, height, width),
            and `network_shape` takes that shape. Others are over vectors.
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
            A distribution with ``batch_shape (*batch,)`` and ``event_shape`` that of one latent.
        """

    @classmethod
    def network_shape(cls, latent_features: Any, **options: Any) -> Size:
        """Says which ``out_shape`` its network must have, for those who build one for it.

        Args:
            latent_features: Number of latent variables; a class that `takes_maps` takes a shape
                as well.
            **options: The other arguments that the posterior will be made with.

        Raises:
            ValueError: If the class does not say. Only one that is to be made by name, as on a
                command line, has to.
        """
        raise ValueError(
            f"{cls.__name__}: it does not say which network it needs; give it network_shape, "
            "or make it in Python"
        )


def latent_features_of(cls: type[Posterior], network: Network, **options: Any) -> int:
    """Reads off the network for how many latent variables it has parameters.

    Args:
        cls: The posterior's class, whose `network_shape` is turned round.
        network: Its network.
        **options: The arguments that `network_shape` depends on.

    Raises:
        ValueError: If it is not a `Network`, or its output fits no number of variables.
    """
    check_network(network)
    for features in range(1, network.out_shape[0] + 1):
        shape = cls.network_shape(features, **options)
        if shape == network.out_shape:
            return features
        if shape[0] > network.out_shape[0]:
            break
    raise ValueError(
        f"network: expected an out_shape of as many numbers for each latent variable as "
        f"{cls.__name__}.network_shape says, such as {tuple(cls.network_shape(2, **options))} "
        f"for 2, got {tuple(network.out_shape)}"
    )
