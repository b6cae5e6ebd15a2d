"""Numbers that change while training goes on."""

import math

import pytest

from pyrovae.training import CyclicalSchedule, LinearWarmup


def test_linear_warmup():
    schedule = LinearWarmup(4, start=0.5, end=2.5)
    assert [schedule(t) for t in (0, 1, 2, 4, 9)] == [0.5, 1.0, 1.5, 2.5, 2.5]
    assert schedule.settled == 4


def test_cyclical_schedule():
    schedule = CyclicalSchedule(4, cycles=2, rising=0.5)
    assert [schedule(t) for t in (0, 1, 2, 3, 4, 5, 6, 7.5)] == [0, 0.5, 1, 1, 0, 0.5, 1, 1]
    # After the last cycle it does not fall again.
    assert [schedule(t) for t in (8, 9, 100)] == [1, 1, 1]
    assert schedule.settled == 8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearWarmup(0), "epochs"),
        (lambda: LinearWarmup(math.nan), "epochs"),
        (lambda: LinearWarmup(2, start=-1), "start"),
        (lambda: LinearWarmup(2, end=-1), "end"),
        (lambda: CyclicalSchedule(0), "period"),
        (lambda: CyclicalSchedule(2, cycles=0), "cycles"),
        (lambda: CyclicalSchedule(2, rising=0), "rising"),
        (lambda: CyclicalSchedule(2, rising=1.1), "rising"),
    ],
)
def test_schedules_refuse_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
