"""The base class of likelihoods with a location from the network and a scale."""

from typing import Any, Literal

import torch
from torch import Size, Tensor, nn

from pyrovae.distributions.special import at_least_single
from pyrovae.likelihoods.base import Likelihood
from pyrovae.likelihoods.parameters import divide_shape, multiply_shape
from pyrovae.nn.network import Network, check_network
from pyrovae.nn.positive import OFFSET, positive, raw_of

__all__ = ["LocationScaleLikelihood"]

# Range of a fixed scale.
SMALLEST, LARGEST = 1e-8, 1e8


class LocationScaleLikelihood(Likelihood):
    """A likelihood with locations from a network and a fixed, learned or predicted scale.

    Subclasses make their distribution from `location_and_scale`. If the second parameter is not
    called a scale but is also positive, a subclass passes it as the scale and puts its name in
    ``scale_name``.

    Args:
        network: Maps a latent to the locations; its ``out_shape`` is the shape of one datum. With
            a predicted scale, the first dimension is twice as long: the locations, then the scales
            before they are made positive.
        scale: A number from 1e-8 to 1e8 (fixed), ``"learned"`` (one number for all variables),
            ``"per_feature"`` (one learned number for each variable), ``"predicted"`` (by the
            network, for each variable), or another network that maps the last numbers of a latent
            to the scales before they are made positive.
        min_scale: Smallest learned or predicted scale; 0 means 1e-6.
        initial_scale: Where a learned scale begins. A predicted one is this where the network gives
            zero. If None, it is 0.69 above the minimum.

    Raises:
        ValueError: If the scale is none of these, the minimum scale is negative, the initial scale
            is not above it or stands beside a fixed one, the network does not declare its shapes,
            or its output cannot be split in two.
    """

    scale_name = "scale"
    positive_buffers = ("fixed_scale",)

    def __init__(
        self,
        network: Network,
        *,
        scale: float | Literal["learned", "per_feature", "predicted"] | Network = "learned",
        min_scale: float = 1e-3,
        initial_scale: float | None = None,
    ) -> None:
        super().__init__()
        name = self.scale_name
        if not isinstance(scale, str | Network):
            if not 0 < scale < float("inf"):
                raise ValueError(f"{name}: expected a positive number, got {scale}")
            if not SMALLEST <= scale <= LARGEST:
                raise ValueError(
                    f"{name}: expected a number from {SMALLEST:g} to {LARGEST:g}, where single "
                    f"precision computes densities accurately, got {scale}; rescale the data"
                )
        if not 0 <= min_scale < float("inf"):
            raise ValueError(f"min_{name}: expected a number of at least 0, got {min_scale}")
        self.latent_shape = network.in_shape
        parameters = 2 if scale == "predicted" else 1
        self.data_shape = divide_shape(network, parameters, f"locations, then {name}s")
        self.network = network
        self.event_dim = len(network.out_shape)
        self.min_scale, self.initial_scale = min_scale, initial_scale
        # What stands for the initial scale before it is made positive.
        self._start = 0.0 if initial_scale is None else self._start_of(initial_scale, scale)
        if isinstance(scale, Network):
            self._check_scales(scale)
        # A network is stored under the argument's name, like every part.
        setattr(self, name if isinstance(scale, Network) else "scale", scale)
        if scale in ("learned", "per_feature"):
            shape = self.data_shape if scale == "per_feature" else ()
            self.raw_scale = nn.Parameter(torch.full(shape, self._start))
        elif scale != "predicted" and not isinstance(scale, Network):
            self.fixed_scale: Tensor
            self.register_buffer("fixed_scale", torch.tensor(float(scale)))

    def _start_of(self, initial: float, scale: object) -> float:
        """What `positive` maps to an initial scale less the minimum."""
        what = f"initial_{self.scale_name}: expected"
        if not isinstance(scale, str | Network):
            raise ValueError(
                f"{what} one only beside a learned or predicted {self.scale_name}, got {initial} "
                f"beside {scale}"
            )
        above = initial - self.min_scale
        if not OFFSET < above or not initial <= LARGEST:
            raise ValueError(
                f"{what} a number above min_{self.scale_name}={self.min_scale:g} and of at most "
                f"{LARGEST:g}, got {initial}"
            )
        return raw_of(above)

    def _check_scales(self, network: Network) -> None:
        """Raises a ValueError unless a network maps the last numbers of a latent to scales."""
        check_network(network)
        latents = self.latent_shape or Size()
        fits = len(network.in_shape) == len(latents) == 1 and network.in_shape <= latents
        if not fits or network.out_shape != self.data_shape:
            raise ValueError(
                f"{self.scale_name}: expected a network that maps the last k variables of the "
                f"latent, of shape {tuple(latents)}, to shape {tuple(self.data_shape or ())}, got "
                f"one from {tuple(network.in_shape)} to {tuple(network.out_shape)}"
            )

    def location_and_scale(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the locations, ``(*batch, *data_shape)``, and scales that broadcast to them."""
        loc = at_least_single(self.network(z))
        network = getattr(self, self.scale_name, None)
        if isinstance(network, Network):
            raw_scale = network(z[..., -network.in_shape[0] :])
            return loc, self._predicted(at_least_single(raw_scale))
        if self.scale == "predicted":
            loc, raw_scale = loc.chunk(2, dim=-self.event_dim)
            return loc, self._predicted(raw_scale)
        if self.scale in ("learned", "per_feature"):
            return loc, positive(self.raw_scale) + self.min_scale
        return loc, self.fixed_scale

    def _predicted(self, raw: Tensor) -> Tensor:
        shifted = raw + self._start if self._start else raw
        return positive(shifted) + self.min_scale

    @classmethod
    def network_shape(cls, data_shape: Size, **options: Any) -> Size:
        """A location for each variable, and a scale if it is predicted."""
        predicted = options.get(cls.scale_name) == "predicted"
        return multiply_shape(data_shape, 2 if predicted else 1)
