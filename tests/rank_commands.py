"""What ranks run in tests of the command line."""

import json
import os
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from command_line import save_a_dot

from pyrovae.cli import figures, main


def commands(folder, words):
    """For each command, which is given in a folder: its exit code, and what it says and warns."""
    os.chdir(folder)
    figures.save_figure = save_a_dot
    found = []
    for command in json.loads(words):
        with redirect_stdout(StringIO()) as said, redirect_stderr(StringIO()) as warned:
            code = main(command)
        found.append([code, said.getvalue(), warned.getvalue()])
    return found
