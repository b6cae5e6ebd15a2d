"""The base class of likelihoods."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from torch import Size, Tensor
from torch.distributions import Distribution

from pyrovae.component import Component

__all__ = ["Likelihood"]


class Likelihood(Component, ABC):
    """A likelihood p(x|z): a module that returns the distribution of the data given latents.

    Attributes:
        latent_shape: Shape of one latent, if it is known before the first call.
        data_shape: Shape of one datum, if it is known before the first call.
        counts: Whether the data are counts, so that 8-bit integers are not read as grey levels.
        independent_counts: Whether the counts are independent given the latents and each has a
            mean.
    """

    latent_shape: Size | None = None
    data_shape: Size | None = None
    counts: ClassVar[bool] = False
    independent_counts: ClassVar[bool] = False

    @abstractmethod
    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z).

        Args:
            z: Latents, ``(*batch, *latent_shape)``.

        Returns:
            A distribution with ``batch_shape (*batch,)`` and the shape of one datum as
            ``event_shape``.
        """

    @classmethod
    def network_shape(cls, data_shape: Size, **options: Any) -> Size:
        """Returns the ``out_shape`` that the likelihood's network must have.

        Code that builds a network for a likelihood calls this, such as the command line.

        Args:
            data_shape: Shape of one datum.
            **options: The other arguments that the likelihood will be constructed with. In place
                of a likelihood among them stands that one's own `network_shape`, as a function of
                the shape of its data.

        Raises:
            ValueError: If the class does not define it. Only a class that is constructed by name,
                as on a command line, has to.
        """
        raise ValueError(
            f"{cls.__name__}: it does not say which network it needs; define network_shape to "
            "build it by name, or construct it in Python"
        )
