"""Values with their errors on one scale: text that wraps, and lines that fit any width."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pyrovae.cli.pages.markup import Markup, tag
from pyrovae.cli.reports import number

__all__ = ["Interval", "intervals"]

WIDTH = 2.0  # standard errors to either side
LARGEST = 1e9
MARGIN = 4.0  # per cent of the width


@dataclass(frozen=True)
class Interval:
    """A value with its standard error; either may be undefined."""

    name: str
    value: float | None
    error: float | None


def intervals(values: Sequence[Interval]) -> Markup:
    """A list, highest value first, with a bar of two standard errors to either side of each."""
    drawn = [v for v in values if _drawable(v)]
    ordered = sorted(drawn, key=lambda v: -(v.value or 0.0))
    ordered += [v for v in values if v not in drawn]
    scale = _Scale(drawn)
    rows = [tag("li", _said(v), scale.bar(v) if v in drawn else "") for v in ordered]
    if drawn:
        rows.append(tag("li", scale.axis(), aria_hidden="true"))
    return tag("ol", *rows, class_="intervals")


def _drawable(interval: Interval) -> bool:
    numbers = (interval.value, 0.0 if interval.error is None else interval.error)
    return all(isinstance(n, int | float) and -LARGEST < n < LARGEST for n in numbers)


def _said(interval: Interval) -> Markup:
    text = number(interval.value)
    if interval.error is not None:
        text += f" \N{PLUS-MINUS SIGN} {number(interval.error)}"
    return tag("div", tag("b", interval.name), tag("span", text))


class _Scale:
    """From values to per cent of the width."""

    def __init__(self, values: Sequence[Interval]) -> None:
        ends = [e for v in values for e in _ends(v)] or [0.0]
        self.low, self.high = min(ends), max(ends)
        if self.low == self.high:
            self.low, self.high = self.low - 1, self.high + 1
        self.ticks = _ticks(self.low, self.high)

    def at(self, value: float) -> str:
        share = (value - self.low) / (self.high - self.low)
        return f"{MARGIN + (100 - 2 * MARGIN) * share:.2f}%"

    def bar(self, interval: Interval) -> Markup:
        low, high = _ends(interval)
        return tag(
            "svg",
            *(tag("line", x1=self.at(t), x2=self.at(t), y1=0, y2=18) for t in self.ticks),
            tag("line", class_="bar", x1=self.at(low), x2=self.at(high), y1=9, y2=9),
            tag("circle", cx=self.at((low + high) / 2), cy=9, r=5),
            height=18,
            aria_hidden="true",
        )

    def axis(self) -> Markup:
        texts = (
            tag("text", f"{t:g}", x=self.at(t), y=14, text_anchor="middle") for t in self.ticks
        )
        return tag("svg", *texts, height=18)


def _ends(interval: Interval) -> tuple[float, float]:
    value, reach = interval.value or 0.0, WIDTH * (interval.error or 0.0)
    return value - reach, value + reach


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between two, three to seven of them."""
    power = 10.0 ** math.floor(math.log10((high - low) / 3))
    step = next(power * k for k in (10, 5, 2, 1) if power * k <= (high - low) / 3)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [step * k for k in range(first, last + 1)]
