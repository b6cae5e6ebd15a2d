"""What takes long is said to, as soon as the first runs have shown it."""

import warnings
from itertools import repeat

import pytest
from tiny import binary_data, tiny_vae

from pyrovae import evaluate, score
from pyrovae.evaluation import log_likelihood, pace
from pyrovae.evaluation.pace import Pace


class Clock:
    """A clock that moves on by a second each time that it is read."""

    def __init__(self, step=1.0):
        self.now, self.step = 0.0, step

    def perf_counter(self):
        self.now += self.step
        return self.now


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(pace, "time", found)
    return found


def go(runs, *, parts=1):
    watch = Pace("it", runs)
    return [item for _ in range(parts) for item in watch(range(runs // parts))]


@pytest.mark.parametrize(
    ("step", "runs", "said"),
    [
        (1.0, 10**3, "17 minutes"),
        (1.0, 10**4, "3 hours"),
        (0.01, 10**6, "3 hours"),
        (100.0, 10**4, "12 days"),
        (100.0, 10**6, "3 years"),
    ],
)
def test_what_will_take_long_is_said_once(step, runs, said, clock):
    clock.step = step
    watch = Pace("it", runs)
    with pytest.warns(UserWarning, match=f"it will take about {said}") as caught:
        for _ in zip(range(20), watch(repeat(0)), strict=False):
            pass
    assert len(caught) == 1


def test_it_is_said_after_the_first_runs(clock):
    runs, done = Pace("it", 10**6)(repeat(0)), 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        done = next(done for done, _ in enumerate(runs) if caught)
    assert done == pace.RUNS


def test_slow_runs_are_told_after_two(clock):
    """The first may have compiled the program."""
    clock.step = 60.0
    runs = Pace("it", 22)(repeat(0))
    assert [next(runs), next(runs)] == [0, 0]
    with pytest.warns(UserWarning, match="about 20 minutes"):
        next(runs)


@pytest.mark.parametrize("parts", [1, 4])
def test_of_what_is_soon_done_nothing_is_said(parts, clock):
    assert len(go(200, parts=parts)) == 200


@pytest.mark.parametrize("question", [evaluate, score, log_likelihood])
def test_draws_that_take_long(question, clock):
    """With a clock by which each run takes a second."""
    x = binary_data(40)
    options = {"batch_size": 10, "rows": 10, "compile": False}
    with pytest.warns(UserWarning, match="200 draws for each of 40 data will take about 13 min"):
        question(tiny_vae(), x, samples=200, **options)
    question(tiny_vae(), x, samples=20, **options)
