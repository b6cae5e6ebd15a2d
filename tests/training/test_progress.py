"""What is shown while a model trains: a live line in a terminal, few lines elsewhere."""

import io
import math
import re
import sys

import pytest
from tiny import binary_data, tiny_vae

from pyrovae import fit
from pyrovae.training import progress
from pyrovae.training.progress import BARS, sparkline


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


class Ascii(Terminal):
    encoding = "ascii"


def shown(monkeypatch, stream, *, epochs, **options):
    monkeypatch.setattr(sys, "stderr", stream)
    fit(tiny_vae(), binary_data(), epochs=epochs, batch_size=5, device="cpu", **options)
    return stream.getvalue()


def test_a_terminal_has_one_line_that_is_drawn_over(monkeypatch):
    monkeypatch.setattr(progress, "REDRAW", 0.0)
    text = shown(monkeypatch, Terminal(), epochs=3)
    assert text.count("\n") == 1
    assert text.endswith("\n")
    drawn = text.rstrip("\n").split("\r")
    assert len(drawn) > 4  # more often than once an epoch
    assert drawn[-1].startswith("epoch 3/3  loss ")
    assert "left" not in drawn[-1]
    assert "left" in drawn[2]
    bars = [part for part in drawn[-1].split("  ") if part and set(part) <= set(BARS)]
    assert [len(part) for part in bars] == [3]


def test_the_line_is_never_wrapped_and_leaves_nothing_of_a_longer_one(monkeypatch):
    monkeypatch.setattr(progress, "REDRAW", 0.0)
    monkeypatch.setenv("COLUMNS", "30")
    drawn = shown(monkeypatch, Terminal(), epochs=2).rstrip("\n").split("\r")[1:]
    assert all(len(line) < 30 for line in drawn)
    shown_lengths = [len(line.rstrip()) for line in drawn]
    assert all(len(b) >= a for a, b in zip(shown_lengths, drawn[1:], strict=False))


def test_what_a_terminal_cannot_write_is_left_out(monkeypatch):
    text = shown(monkeypatch, Ascii(), epochs=3)
    assert text.isascii()


@pytest.mark.parametrize(("epochs", "lines"), [(2, {2}), (20, {20}), (45, range(10, 22))])
def test_a_log_has_one_line_an_epoch_at_most(monkeypatch, epochs, lines):
    monkeypatch.setattr(progress, "SILENCE", math.inf)  # on a busy machine, too
    text = shown(monkeypatch, io.StringIO(), epochs=epochs)
    assert "\r" not in text
    assert text.count("\n") in lines
    found = [int(number) for number in re.findall(r"^epoch (\d+)/", text, re.MULTILINE)]
    assert found == sorted(set(found))
    assert (found[0], found[-1]) == (1, epochs)


def test_a_slow_log_has_each_epoch(monkeypatch):
    monkeypatch.setattr(progress, "SILENCE", 0.0)
    assert shown(monkeypatch, io.StringIO(), epochs=45).count("\n") == 45


def test_a_sparkline():
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == BARS
    assert sparkline([3.0, 3.0]) == BARS[0] * 2
    assert sparkline([1.0, math.nan, 0.0, math.inf]) == f"{BARS[-1]} {BARS[0]} "
    assert sparkline([-1e308, 1e308]) == BARS[0] * 2  # whose difference is no float
    assert sparkline([]) == ""
