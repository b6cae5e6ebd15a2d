"""Data as plain values that a page can draw: pixels, bars, lines or the cells of a table."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pyrovae.columns import Column
from pyrovae.plots.levels import levels_of, smallest_and_largest

__all__ = ["Look"]

BARS = 32  # features that are shown as bars; more are a line
SERIES = 6  # of so many or fewer a datum of two dimensions is of lines
LEVELS_SHOWN = 6


@dataclass(frozen=True)
class Look:
    """How the data of a site are shown.

    Attributes:
        kind: "image", "bars", "line" or "table".
        low: The value that is black, or at the lower end.
        high: The value that is white, or at the upper end.
        columns: Of a table.
        ranges: Of a table the usual values of each column, lowest and highest, ``(D, 2)``.
    """

    kind: str
    low: float
    high: float
    columns: tuple[Column, ...] = ()
    ranges: Tensor | None = None

    @classmethod
    def of(cls, x: Tensor, columns: tuple[Column, ...] | None = None) -> "Look":
        """How data ``(n, *data_shape)`` are shown, by their shape and their values."""
        x = x.detach().cpu().float()
        if columns is not None:
            ends = torch.tensor([0.01, 0.99])
            usual = torch.stack([x[:, d].nan_to_num().quantile(ends) for d in range(x.shape[1])])
            return cls("table", 0.0, 1.0, tuple(columns), usual)
        shape = x.shape[1:]
        if len(shape) == 3 or (len(shape) == 2 and _series(x[0]) is None):
            levels = levels_of(x)
            return cls("image", levels.black, levels.white)
        least, high = smallest_and_largest(x)
        low = min(least, 0.0)
        kind = "bars" if len(shape) == 1 and shape[0] <= BARS else "line"
        return cls(kind, low, high if high > low else low + 1)

    def shown(self, x: Tensor, fn: Any = None, mask: Tensor | None = None) -> dict[str, Any]:
        """One datum as plain values.

        Args:
            x: The datum, ``data_shape``.
            fn: The distribution of which it is the mean, ``batch_shape (1,)``, for the
                probabilities of a table's levels.
            mask: Which of its values were observed.
        """
        x = x.detach().cpu().float().nan_to_num()
        if self.kind == "image":
            return self._image(x)
        if self.kind == "table":
            return {"kind": "table", "cells": self._cells(x, fn, mask)}
        series = _series(x)
        rows = [x.flatten()] if series is None else list(series)
        values = [[round(v, 5) for v in row.tolist()] for row in rows]
        return {"kind": self.kind, "low": self.low, "high": self.high, "series": values}

    def _image(self, x: Tensor) -> dict[str, Any]:
        if x.dim() == 2:
            x = x.unsqueeze(0)
        if len(x) not in (1, 3):  # other channels side by side
            x = torch.cat(list(x), dim=-1).unsqueeze(0)
        levels = ((x - self.low) / (self.high - self.low)).clamp(0, 1)
        pixels = (255 * levels).round().to(torch.uint8).movedim(0, -1).contiguous()
        height, width, channels = pixels.shape
        text = base64.b64encode(pixels.numpy().tobytes()).decode()
        size = {"width": width, "height": height, "channels": channels}
        return {"kind": "image", **size, "pixels": text}

    def _cells(self, x: Tensor, fn: Any, mask: Tensor | None) -> list[dict[str, Any]]:
        chances = None if fn is None else self._chances(x, fn)
        cells = []
        for d, column in enumerate(self.columns):
            cell: dict[str, Any] = {"name": column.name, "kind": column.kind}
            if mask is not None and not bool(mask[d]):
                cell["text"] = "missing"
            elif column.levels is not None:
                place = min(max(int(x[d]), 0), len(column.levels) - 1)
                cell["text"] = str(column.levels[place])
            else:
                cell["text"] = _text(float(x[d]))
                assert self.ranges is not None
                low, high = self.ranges[d].tolist()
                cell["share"] = min(max((float(x[d]) - low) / ((high - low) or 1.0), 0.0), 1.0)
            if chances is not None and column.levels is not None:
                most = chances[: len(column.levels), d].topk(min(LEVELS_SHOWN, len(column.levels)))
                cell["levels"] = [
                    {"name": str(column.levels[i]), "share": round(p, 4)}
                    for p, i in zip(most.values.tolist(), most.indices.tolist(), strict=True)
                ]
            cells.append(cell)
        return cells

    def _chances(self, x: Tensor, fn: Any) -> Tensor:
        """The probability of each level of each column, ``(levels, D)``."""
        counts = [len(column.levels or ()) for column in self.columns]
        most = max(counts)
        if not most:
            return torch.zeros(0, len(counts))
        allowed = torch.tensor([count or 1 for count in counts])
        index = torch.arange(most).unsqueeze(1).minimum(allowed - 1)
        levels = torch.where(torch.tensor(counts) > 0, index.to(x), x)
        each: Tensor = fn.base_dist.log_prob(levels.unsqueeze(1).to(fn.mean)).exp()
        return each.reshape(most, len(counts)).cpu()


def _text(value: float) -> str:
    """Four digits, or all that are before the point."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"


def _series(x: Tensor) -> Sequence[Tensor] | None:
    """A datum of two dimensions as lines, where one of them is small beside the other."""
    if x.dim() != 2:
        return None
    for rows in (x, x.T):
        if len(rows) <= SERIES and rows.shape[1] >= 4 * len(rows):
            return list(rows)
    return None
