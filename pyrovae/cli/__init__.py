"""The command line: ``pyrovae train``, and what can be done with a run afterwards."""

from pyrovae.cli.main import main

__all__ = ["main"]
