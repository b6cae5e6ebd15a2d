"""The benchmark of growth: its exponent, its page and figure, and one small size."""

import math

import pytest

from benchmarks.growth.measure import measure
from benchmarks.growth.page import COLUMNS, draw, exponent, page
from benchmarks.growth.sizes import AXES, Size, of


def test_the_exponent_of_a_power_and_of_a_constant():
    sizes = [1.0, 10.0, 100.0]
    assert exponent(sizes, [7 * s**1.5 for s in sizes]) == pytest.approx(1.5)
    assert exponent(sizes, [3.0, 3.0, 3.0]) == 0
    # Memory that did not grow has no exponent.
    assert math.isnan(exponent(sizes, [0.0, 0.0, 0.0]))


@pytest.mark.parametrize("axis", AXES)
def test_one_thing_grows_and_the_rest_stays(axis):
    small, large = (of(axis, value) for value in AXES[axis][:2])
    differing = {name for name in Size._fields if getattr(small, name) != getattr(large, name)}
    assert differing == {axis}


def test_the_page_has_each_row_and_the_figure_each_line():
    found = {
        axis: {str(v): {key: float(v) for key in COLUMNS} for v in AXES[axis][:2]}
        for axis in ("features", "latents")
    }
    text = page(found, threads=2)
    assert text.count("| exponent | " + " | ".join(["1.00"] * len(COLUMNS))) == 2
    assert "| 1,000 |" in text
    lines = [len(panel.get_lines()) for panel in draw(found).axes]
    assert lines == [2, 2, 2, 2, 2, 0]


@pytest.mark.usefixtures("only_traced")
def test_a_small_size():
    size = Size(features=4, latents=2, data=20, batch=4, scored=5, particles=2)
    row = measure(size, seconds=0.0)
    assert set(row) == set(COLUMNS)
    assert all(row[key] > 0 for key in ("step", "compiled", "compiling", "log_likelihood"))
