"""The base class of priors."""

from abc import ABC, abstractmethod

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.component import Component
from pyrovae.latents import LatentKind

__all__ = ["Prior"]


class Prior(Component, ABC):
    """A prior p(z): a module that returns a distribution and does nothing else.

    To add a prior, write a subclass with a `forward` method; see ``examples/custom_prior.py``.

    Attributes:
        latent_shape: Shape of one latent, if it is known before the first call. A model compares
            the declared shapes of its parts when it is constructed.
        latent_kind: The space that latents lie in, if it is known before the first call. Models
            refuse a posterior over another kind of space.
        complete: Whether the prior can be called. A prior that keeps training data is not complete
            after loading, because checkpoints do not contain the data; `set_data` completes it.
    """

    latent_shape: Size | None = None
    latent_kind: LatentKind | None = None
    complete: bool = True

    @abstractmethod
    def forward(self) -> Distribution:
        """Returns p(z), with ``batch_shape ()`` and the shape of one latent as ``event_shape``."""

    def set_data(self, x: Tensor) -> None:
        """Gives a prior that keeps training data its data back; other priors raise an error.

        Args:
            x: The data that the prior was constructed with, in the same order.

        Raises:
            ValueError: If the prior keeps no data, or ``x`` is different data.
        """
        raise ValueError(f"{type(self).__name__}: it stores no data, so there is nothing to set")
