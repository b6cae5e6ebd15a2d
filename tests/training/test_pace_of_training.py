"""The pace of training, from which the time left is told."""

import pytest

from pyrovae.training.pace import PARTS, SPAN, Pace


def course(pace, *, begin, seen, rate, seconds, step=0.25):
    """Lets time pass at a rate; returns the time and the data seen at the end."""
    for i in range(1, round(seconds / step) + 1):
        pace.update(round(seen + i * step * rate), begin + i * step)
    return begin + seconds, round(seen + seconds * rate)


@pytest.mark.parametrize("size", [100, 4000])
def test_a_slow_start_is_forgotten_after_an_epoch_and_some_seconds(size):
    pace = Pace(size, seen=0, now=5.0)
    pace.update(1, 65.0)  # the first step, with a minute of compiling
    assert pace.rate(1, 65.0) == pytest.approx(1 / 60)
    # A mark may be late by a part of the time that is looked back, the first minute included.
    seconds = (SPAN + size / 100) * (1 + 1 / PARTS) + 2 * 60 / PARTS
    now, seen = course(pace, begin=65.0, seen=1, rate=100, seconds=seconds)
    assert pace.rate(seen, now) == pytest.approx(100, rel=0.01)


def test_a_pause_at_the_end_of_each_epoch_counts_in_all_of_it():
    pace, now, seen = Pace(1000, seen=0, now=0.0), 0.0, 0
    for _ in range(5):
        now, seen = course(pace, begin=now, seen=seen, rate=100, seconds=10)
        now += 10
        pace.update(seen, now)
        # At the end of an epoch, one epoch with its pause has been seen.
        assert pace.rate(seen, now) == pytest.approx(50, rel=0.1)
    now, seen = course(pace, begin=now, seen=seen, rate=100, seconds=5)
    assert 45 < pace.rate(seen, now) < 65


def test_nothing_seen_yet_is_no_pace():
    pace = Pace(10, seen=30, now=1.0)
    assert pace.rate(30, 1.0) == pace.rate(30, 2.0) == 0
    assert pace.rate(40, 3.0) == 5
