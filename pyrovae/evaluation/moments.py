"""Posterior moments of latents, and which variables of a latent are active."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from pyro import poutine
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message
from torch import Tensor
from torch.distributions import VonMises as AnyVonMises

from pyrovae.compilation import Batch
from pyrovae.distributions.unwrap import unblocked
from pyrovae.handlers import SiteMean, is_latent, mean_of
from pyrovae.latents import latent_kind

__all__ = [
    "ACTIVE_VARIANCE",
    "ActiveUnits",
    "LatentMoments",
    "latent_moments",
    "standard_deviation",
]

ACTIVE_VARIANCE = 0.01
#: Number of draws if a moment has no closed form. They add 1/400 of the posterior's variance to
#: that of a mean, which is subtracted; the error that remains is small compared with
#: `ACTIVE_VARIANCE` for ten data or more.
DRAWS = 400


class LatentMoments(NamedTuple):
    """The posterior of one latent site for a batch.

    Attributes:
        fn: The latent's distribution, given the means of the latents before it.
        mean: The mean, or what replaces it.
    """

    fn: Any
    mean: SiteMean


class _KeepMeans(Messenger):
    """Gives each latent site its mean, as `UseMeans` does, and keeps distribution and mean."""

    def __init__(self, at_once: int) -> None:
        super().__init__()
        self.at_once = at_once
        self.moments: dict[str, LatentMoments] = {}

    def _pyro_sample(self, msg: Message) -> None:
        if msg["done"] or not is_latent(msg):
            return
        fn: Any = msg["fn"]
        mean = mean_of(fn, draws=DRAWS, at_once=self.at_once)
        self.moments[str(msg["name"])] = LatentMoments(fn, mean)
        msg["value"] = mean.value
        msg["done"] = True


def latent_moments(
    guide: Callable[..., Any], batch: Batch, *, rows: int
) -> dict[str, LatentMoments]:
    """The posterior of each latent site of a guide, given the means of the latents before it.

    Args:
        guide: The guide.
        batch: The data.
        rows: Number of draws times data processed at once, if draws are needed.
    """
    keep = _KeepMeans(max(1, rows // len(batch[0])))
    poutine.trace(keep(guide)).get_trace(*batch)
    return keep.moments


def standard_deviation(moments: LatentMoments, *, rows: int) -> Tensor:
    """The standard deviation of each variable of a latent, in the mean's shape.

    It is computed in closed form if the distribution has one, otherwise from draws. That of an
    angle is about its mean direction.
    """
    mean, fn = moments.mean, moments.fn
    if mean.variance is None:
        try:
            return fn.variance.sqrt().expand(mean.value.shape)
        except NotImplementedError:
            pass
    at_once = max(1, rows // max(1, len(mean.value)))
    parts = [fn.sample((min(at_once, DRAWS - i),)) for i in range(0, DRAWS, at_once)]
    draws = torch.cat(parts)
    if latent_kind(fn) == "circle":  # the shorter way round from the mean direction
        away = draws - mean.value
        draws = torch.atan2(away.sin(), away.cos())
    return draws.std(0)


class ActiveUnits:
    r"""Counts the variables of each latent whose posterior mean varies from datum to datum.

    .. math:: A_u = \operatorname{Var}_x\!\left(E_{q(u \mid x)}[u]\right) > 0.01

    If the mean is an average of draws, the variance of that average is subtracted; otherwise a
    variable whose posterior is the same for all data could count as active. If the data have
    weights, the variance is weighted. The mean of an angle is that of its unit vector,
    :math:`(E[\cos u], E[\sin u])`, whose two variances are added: this has no seam at half a turn,
    and is 0 if all directions are equally probable.

    Burda, Grosse and Salakhutdinov, 2016, https://arxiv.org/abs/1509.00519.
    """

    def __init__(self) -> None:
        self._sums: dict[str, _Sums] = {}
        self._angles: set[str] = set()

    def add(self, moments: dict[str, LatentMoments], weight: Tensor | None = None) -> None:
        """Adds a batch.

        Args:
            moments: The latents' posteriors.
            weight: The weight of each datum, ``(B,)``; all equal, if left out.
        """
        for name, (fn, mean) in moments.items():
            values = mean.value.flatten(1).cpu().double()
            is_angle = latent_kind(fn) == "circle"
            if is_angle:
                self._angles.add(name)
                length = _resultant(fn).expand(mean.value.shape).flatten(1).cpu().double()
                values = torch.cat([length * values.cos(), length * values.sin()], dim=1)
            errors = torch.zeros_like(values)
            if mean.variance is not None and not is_angle:
                errors = mean.variance.flatten(1).cpu().double()
            self._take(name, _Sums.of(values, errors, weight))

    def merge(self, other: "ActiveUnits") -> None:
        """Adds the data that another one has counted."""
        self._angles |= other._angles
        for name, sums in other._sums.items():
            self._take(name, sums)

    def _take(self, name: str, new: "_Sums") -> None:
        known = self._sums.get(name)
        self._sums[name] = new if known is None else known.plus(new)

    @property
    def variances(self) -> dict[str, Tensor]:
        """For each site, the variance over the data of its variables' posterior means, ``(D,)``."""
        each = {name: (s.squares - s.error) / s.weight for name, s in self._sums.items()}
        return {n: v.view(2, -1).sum(0) if n in self._angles else v for n, v in each.items()}

    @property
    def active(self) -> dict[str, int]:
        """The number of active variables of each site."""
        return {n: int((v > ACTIVE_VARIANCE).sum()) for n, v in self.variances.items()}

    @property
    def data(self) -> int:
        """The number of data counted so far, without those of weight 0."""
        return next((sums.data for sums in self._sums.values()), 0)

    @property
    def units(self) -> dict[str, int]:
        """The number of variables of each site."""
        return {name: len(variance) for name, variance in self.variances.items()}


def _resultant(fn: Any) -> Tensor:
    """The length of the mean unit vector of each angle; 1 for families that do not define it."""
    fn = unblocked(fn)
    if hasattr(fn, "circular_variance"):
        length: Tensor = 1 - fn.circular_variance
        return length
    # PyTorch calls one minus this length the variance.
    return 1 - fn.variance if isinstance(fn, AnyVonMises) else torch.ones(())


class _Sums(NamedTuple):
    """Sums over the posterior means of some data, in double precision.

    Attributes:
        data: The number of data with a weight above 0.
        weight: The sum of their weights.
        mean: Their weighted mean, ``(units,)``.
        squares: The weighted sum of their squared distances from the mean.
        error: The weighted sum of the variances of their errors.
    """

    data: int
    weight: float
    mean: Tensor
    squares: Tensor
    error: Tensor

    @classmethod
    def of(cls, values: Tensor, errors: Tensor, weight: Tensor | None) -> "_Sums":
        """Sums means ``(B, units)`` with the variances of their errors, and weights ``(B,)``."""
        one = torch.ones(len(values)) if weight is None else weight.cpu()
        one, counts = one.double().unsqueeze(1), one > 0
        values, errors, one = values[counts], errors[counts], one[counts]
        total = one.sum().item()
        # Without data any mean will do, since it does not count.
        centre = (one * values).sum(0) / (total or 1.0)
        squares = (one * (values - centre).square()).sum(0)
        return cls(len(values), total, centre, squares, (one * errors).sum(0))

    def plus(self, other: "_Sums") -> "_Sums":
        """The sums over both sets of data (Chan, Golub and LeVeque, 1983)."""
        weight, shift = self.weight + other.weight, other.mean - self.mean
        share = other.weight / (weight or 1.0)
        return _Sums(
            self.data + other.data,
            weight,
            self.mean + shift * share,
            self.squares + other.squares + shift.square() * (self.weight * share),
            self.error + other.error,
        )
