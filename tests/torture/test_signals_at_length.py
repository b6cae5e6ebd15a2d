"""Signals to end, at any moment: one line, the signal's exit code, and a run that goes on."""

import random
import signal
import time
from pathlib import Path

import pytest
from command_line import FIGURES, quick
from test_kills import start

from pyrovae.cli import main

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
MOMENTS = ["run/checkpoint.pt", "run/history.csv", "run/report.json", "run/figures/samples.png"]


def wait_for(path):
    deadline = time.monotonic() + 300
    while not Path(path).exists() and time.monotonic() < deadline:
        time.sleep(0.005)


# The ordinary suite sends signals where training is tried, and where a run goes on.
@pytest.mark.torture
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", CODES)
def test_a_signal_once_a_file_is_there(moment, number, in_tmp):
    process = start("train", *quick(epochs=2), "--compile", "false", "--out", "run")
    wait_for(moment)
    process.send_signal(number)
    _, said = process.communicate(timeout=300)
    if process.returncode:  # else it had just ended
        assert process.returncode == CODES[number], said
        assert said.count("\n") == 1
        assert said.startswith("pyrovae: interrupted")
        assert "pyrovae resume run" in said
        assert main(["resume", "run", "--quiet"]) == 0
    assert {path.name for path in Path("run/figures").iterdir()} == FIGURES
    assert not list(Path("run").rglob(".*"))


@pytest.mark.torture
@pytest.mark.parametrize("trial", range(12))
def test_a_signal_in_the_first_seconds(trial, in_tmp):
    generator = random.Random(trial)
    number = generator.choice(list(CODES))
    process = start("train", *quick(epochs=1), "--out", "run")
    time.sleep(generator.uniform(0.3, 4.0))
    process.send_signal(number)
    _, said = process.communicate(timeout=300)
    # Until Python has read the first lines of the program, the system itself ends it.
    assert process.returncode in (CODES[number], -number), said
    assert "Traceback" not in said
    assert said.count("\n") <= 1
