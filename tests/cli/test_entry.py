"""The process's entry: a signal is answered in a line before the command line is there."""

import os
import signal
import subprocess
import sys

import pytest
from processes import signals_obeyed

from pyrovae.cli import main
from pyrovae.cli.errors import Stopped

# Sends the process a signal at the moment when a module is looked for.
SCRIPT = """
import os, signal, sys

class Sends:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Sends())
sys.argv = ["pyrovae", "list", "priors"]
from pyrovae.__main__ import start
sys.exit(start())
"""
MODULES = ["pyrovae.cli", "pyrovae.cli.errors", "pyrovae.cli.main", "pyrovae.cli.commands.list"]


def test_an_extension_that_says_in_its_own_way_that_it_was_interrupted(monkeypatch, capsys):
    def load(*, width: int = 3) -> None:
        try:
            raise Stopped(signal.SIGTERM)
        except KeyboardInterrupt as stop:
            raise ImportError("initialization failed") from stop

    monkeypatch.setattr(sys.modules["pyrovae.cli.main"], "command", lambda name: load)
    assert main(["train"]) == 128 + signal.SIGTERM
    assert capsys.readouterr().err == "pyrovae: interrupted\n"


@pytest.mark.parametrize("module", [*MODULES, "never"])
def test_ctrl_c_while_modules_are_loaded(module):
    command = [sys.executable, "-c", SCRIPT.replace("sys.argv[1]", repr(module))]
    env = os.environ | {"NO_COLOR": "1"}
    with signals_obeyed():
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if module == "never":
        assert (done.returncode, done.stderr) == (0, "")
    else:
        assert (done.returncode, done.stderr) == (128 + signal.SIGINT, "pyrovae: interrupted\n")
        assert done.stdout == ""
