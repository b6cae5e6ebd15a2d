"""A likelihood for each column of a table."""

from typing import Any, Literal

import torch
from torch import Size, Tensor, nn
from torch.distributions import Distribution
from torch.nn.functional import logsigmoid, pad

from pyrovae.columns import Column, Columns, plain_columns, read_columns
from pyrovae.distributions import LevelCodes, LogNormal, NegativeBinomial, Normal, SideBySide
from pyrovae.distributions.special import at_least_single
from pyrovae.likelihoods.base import Likelihood
from pyrovae.nn.moments import Moments
from pyrovae.nn.network import Network, check_network
from pyrovae.nn.positive import positive

__all__ = ["ColumnsLikelihood"]

# Bounds on the logarithms of positive numbers and counts. They keep values within single
# precision, and counts within the range of integers that it represents exactly.
LARGEST_LOG, LARGEST_LOG_SCALE, LARGEST_LOG_COUNT = 40.0, 8.0, 18.0
LARGEST_DISPERSION = 1e8
SCALED = ("real", "positive", "count")


class ColumnsLikelihood(Likelihood):
    r"""A separate likelihood for each column of a table, in the column's own units.

    .. math:: \log p(x \mid z) = \sum_d \log p_d(x_d \mid f_d(z))

    =========== =====================================================================
    real        normal, of mean :math:`\mu + \sigma f` and scale :math:`\sigma s`
    positive    log-normal: the same for the logarithm
    count       negative binomial of mean :math:`e^{\mu + \sigma f}` and dispersion s
    binary      Bernoulli of logit f
    categorical categorical of logits f
    ordinal     :math:`P(x \leq k) = 1 / (1 + e^{f - t_k})`, thresholds t learned
    =========== =====================================================================

    :math:`\mu` and :math:`\sigma` are the mean and standard deviation of the training data that a
    `Column` stores. A network with outputs near 0 therefore starts near the data. The density is
    that of the original data: it includes the Jacobian of the standardisation. Levels are encoded
    as their indices, from 0; the mean of a column of levels is its most probable level. The
    columns are independent given z, so a `MissingDataVAE` can leave out any of them.

    Nazabal, Olmos, Ghahramani and Valera, 2020, Handling incomplete heterogeneous data using VAEs,
    https://arxiv.org/abs/1807.03653 (the families); McCullagh, 1980, Regression models for ordinal
    data, https://doi.org/10.1111/j.2517-6161.1980.tb01109.x.

    Args:
        network: Maps a latent to one number for each column, in the order of the columns (for a
            categorical column, one for each level); with predicted scales, followed by one for
            each real, positive and count column. Its ``out_shape`` ends with the number of these.
            Any dimensions before that are rows of one datum, such as repeated measurements.
        columns: The columns, such as `Data.columns` of a table.
        scale: ``"learned"`` (one number for each column) or ``"predicted"`` (by the network, for
            each value). It applies to the scales s of real and positive columns and the
            dispersions of counts.
        min_scale: Smallest scale or dispersion, in standard deviations of the column.

    Raises:
        ValueError: If ``columns`` is not a list of columns, the scale is neither of these, the
            minimum scale is negative, or the network does not declare its shapes or has another
            output size.
    """

    level_counts: Tensor

    def __init__(
        self,
        network: Network,
        columns: Columns,
        *,
        scale: Literal["learned", "predicted"] = "learned",
        min_scale: float = 1e-3,
    ) -> None:
        super().__init__()
        if scale not in ("learned", "predicted"):
            raise ValueError(f"scale: expected 'learned' or 'predicted', got {scale!r}")
        if not 0 <= min_scale < float("inf"):
            raise ValueError(f"min_scale: expected a number of at least 0, got {min_scale}")
        check_network(network)
        read = read_columns(columns)
        expected = _numbers(read, scale)
        *rows, given = network.out_shape
        if given != expected:
            raise ValueError(
                f"network: expected an out_shape that ends with {expected} for these columns (see "
                f"ColumnsLikelihood.network_shape), got {tuple(network.out_shape)}"
            )
        self.init_args["columns"] = plain_columns(read)
        self.columns, self.scale, self.min_scale = read, scale, min_scale
        self.latent_shape, self.data_shape = network.in_shape, Size([*rows, len(read)])
        self.network = network
        self._lay_out()
        if scale == "learned":
            self.raw_scale = nn.Parameter(torch.zeros(sum(c.kind in SCALED for c in read)))
        self.raw_thresholds = nn.ParameterList(
            _even_thresholds(len(c.levels or ())) for c in read if c.kind == "ordinal"
        )

    def _lay_out(self) -> None:
        """Records the indices of each family's columns, and of their numbers in the output."""
        place, scales = 0, sum(_width(column) for column in self.columns)
        self._families: dict[str, list[int]] = {}
        outputs: dict[str, list[list[int]]] = {}
        scaled: dict[str, list[int]] = {}
        number = 0
        for i, column in enumerate(self.columns):
            family = column.kind if column.kind in SCALED else "levels"
            self._families.setdefault(family, []).append(i)
            outputs.setdefault(family, []).append([*range(place, place + _width(column))])
            place += _width(column)
            if column.kind in SCALED:
                scaled.setdefault(family, []).append(number)
                number += 1
        for family, index in self._families.items():
            self._constant(f"{family}_index", index)
            if family != "levels":
                self._constant(f"{family}_output", [first for (first,) in outputs[family]])
                self._constant(f"{family}_scale", scaled[family])
                kept = [self.columns[i] for i in index]
                moments = Moments([c.loc for c in kept], [c.scale for c in kept])
                self.add_module(f"{family}_moments", moments)
        self._level_outputs = outputs.get("levels", [])
        levelled = [self.columns[i] for i in self._families.get("levels", [])]
        self._constant("level_counts", [len(column.levels or ()) for column in levelled])
        self._first_scale = scales

    def _constant(self, name: str, index: list[int]) -> None:
        self.register_buffer(name, torch.tensor(index, dtype=torch.long), persistent=False)

    def forward(self, z: Tensor) -> Distribution:
        """Returns p(x|z) for latents ``(*batch, *latent_shape)``."""
        y = at_least_single(self.network(z))
        parts, places = [], []
        for family in self._families:
            parts.append(self._levels(y) if family == "levels" else self._of(family, y))
            places.append(getattr(self, f"{family}_index"))
        names = [column.name for column in self.columns]
        return SideBySide(parts, places, names).to_event(len(self.network.out_shape))

    def _of(self, family: str, y: Tensor) -> Distribution:
        """Returns the distribution of the numeric columns of a family."""
        moments: Any = getattr(self, f"{family}_moments")
        raw = y[..., getattr(self, f"{family}_output")]
        scale = self._scales(y)[..., getattr(self, f"{family}_scale")]
        loc = moments.loc + moments.scale * raw
        if family == "real":
            return Normal(loc, moments.scale * scale)
        if family == "positive":
            loc = loc.clamp(-LARGEST_LOG, LARGEST_LOG)
            return LogNormal(loc, (moments.scale * scale).clamp(max=LARGEST_LOG_SCALE))
        mean = loc.clamp(-LARGEST_LOG_COUNT, LARGEST_LOG_COUNT).exp()
        return NegativeBinomial(mean, scale.clamp(max=LARGEST_DISPERSION))

    def _scales(self, y: Tensor) -> Tensor:
        raw = (
            at_least_single(self.raw_scale)
            if self.scale == "learned"
            else y[..., self._first_scale :]
        )
        return positive(raw) + self.min_scale

    def _levels(self, y: Tensor) -> Distribution:
        """Returns all columns of levels; levels that a column lacks have logits of -infinity."""
        thresholds = iter(self.raw_thresholds)
        columns = [self.columns[i] for i in self._families["levels"]]
        most = max(len(column.levels or ()) for column in columns)
        logits = []
        for column, places in zip(columns, self._level_outputs, strict=True):
            raw = y[..., places[0] : places[-1] + 1]
            if column.kind == "binary":
                raw = pad(raw, (1, 0))
            elif column.kind == "ordinal":
                raw = _ordinal(raw, at_least_single(next(thresholds)))
            logits.append(pad(raw, (0, most - raw.shape[-1]), value=-torch.inf))
        return LevelCodes(torch.stack(logits, dim=-2), self.level_counts)

    @classmethod
    def network_shape(cls, data_shape: Size, **options: Any) -> Size:
        """A number for each column or level, and for each predicted scale."""
        if "columns" not in options:
            raise ValueError(f"{cls.__name__}: expected the columns of a table, got other data")
        columns = read_columns(options["columns"])
        return Size([*data_shape[:-1], _numbers(columns, options.get("scale"))])


def _width(column: Column) -> int:
    """Number of network outputs for a column, apart from its scale."""
    return len(column.levels or ()) if column.kind == "categorical" else 1


def _numbers(columns: tuple[Column, ...], scale: object) -> int:
    scales = sum(column.kind in SCALED for column in columns) if scale == "predicted" else 0
    return sum(map(_width, columns)) + scales


def _even_thresholds(levels: int) -> nn.Parameter:
    """Initialises K - 1 thresholds: the first one, and the raw distances between them."""
    share = torch.arange(1, levels) / levels
    thresholds = share.logit()
    distances = thresholds.diff()
    return nn.Parameter(torch.cat([thresholds[:1], distances.expm1().log()]))


def _ordinal(location: Tensor, raw: Tensor) -> Tensor:
    r"""Log-probabilities of the levels between thresholds, ``(*batch, K)``.

    .. math:: \log (\sigma(b) - \sigma(a)) = \log \sigma(b) + \log \sigma(-a)
        + \log (1 - e^{a - b})

    Computed directly, the difference would be zero in single precision where both are near 0 or 1.

    Args:
        location: ``(*batch, 1)``.
        raw: The first threshold, then the raw distances between thresholds, ``(K - 1,)``.
    """
    if not len(raw):
        return location * 0
    distances = positive(raw[1:])
    thresholds = raw[0] + pad(distances, (1, 0)).cumsum(-1) - location
    below = pad(logsigmoid(thresholds), (0, 1))
    above = pad(logsigmoid(-thresholds), (1, 0))
    apart = pad((-(-distances).expm1()).log(), (1, 1))
    return below + above + apart
