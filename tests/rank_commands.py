"""What ranks run in tests of the command line."""

import os
from contextlib import redirect_stderr
from io import StringIO

from pyrovae.cli import main


def command(folder, *words):
    """The exit code of a command that is given in a folder, and what it says of errors."""
    os.chdir(folder)
    with redirect_stderr(StringIO()) as said:
        code = main(words)
    return [code, said.getvalue()]
