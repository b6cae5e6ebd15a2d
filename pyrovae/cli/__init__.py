"""The command line: ``pyrovae train``, and what can be done with a run afterwards."""

from pyrovae.cli.main import main, run

__all__ = ["main", "run"]
