"""What a prior is."""

from abc import ABC, abstractmethod

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.component import Component
from pyrovae.latents import LatentKind

__all__ = ["Prior"]


class Prior(Component, ABC):
    """A prior p(z): a module that returns a distribution and does nothing else.

    A new one is a class with `forward`; see ``examples/custom_prior.py``.

    Attributes:
        latent_shape: Shape of one latent, where the class knows it before it is called. Models
            compare the shapes that their parts declare when they are put together.
        latent_kind: Over what a latent ranges, likewise. Models refuse a posterior of another
            kind.
        complete: Whether it has all it needs to be called. A prior that keeps training data, which
            its checkpoint does not hold, is not when it was loaded, until `set_data`.
    """

    latent_shape: Size | None = None
    latent_kind: LatentKind | None = None
    complete: bool = True

    @abstractmethod
    def forward(self) -> Distribution:
        """Returns p(z), with ``batch_shape ()`` and ``event_shape`` that of one latent."""

    def set_data(self, x: Tensor) -> None:
        """Gives training data again to a prior that keeps them; others take none.

        Args:
            x: The data it was made with, in the same order.

        Raises:
            ValueError: If it keeps no data, or they are other data.
        """
        raise ValueError(f"{type(self).__name__}: it keeps no data")
