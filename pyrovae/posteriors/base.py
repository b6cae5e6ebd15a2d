"""What a posterior is."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.component import Component

__all__ = ["Posterior"]


class Posterior(Component, ABC):
    """An amortised posterior q(z|x): a module that returns a distribution for each datum.

    Attributes:
        data_shape: Shape of one datum, where the class knows it before it is called.
        latent_shape: Shape of one latent, likewise.
    """

    data_shape: Size | None = None
    latent_shape: Size | None = None

    @abstractmethod
    def forward(self, x: Tensor) -> Distribution:
        """Returns q(z|x).

        Args:
            x: Data, ``(*batch, *data_shape)``.

        Returns:
            A distribution with ``batch_shape (*batch,)`` and ``event_shape`` that of one latent.
        """

    @classmethod
    def network_shape(cls, latent_features: int, **options: Any) -> Size:
        """Says which ``out_shape`` its network must have, for those who build one for it.

        Args:
            latent_features: Number of latent variables.
            **options: The other arguments that the posterior will be made with.

        Raises:
            ValueError: If the class does not say. Only one that is to be made by name, as on a
                command line, has to.
        """
        raise ValueError(
            f"{cls.__name__}: it does not say which network it needs; give it network_shape, "
            "or make it in Python"
        )
