"""A command of pyrovae that kills itself at a chosen moment: python killed.py KIND FILE N ...

KIND is "half" (the file's temporary name holds half of it), "whole" (all of it, not moved yet) or
"moved" (it has just taken its place); FILE is its name, and N how often it was written before.
"""

import os
import signal
import sys
from pathlib import Path

from pyrovae import files
from pyrovae.cli import main


class Death:
    """Comes with the N-th writing of a file."""

    def __init__(self, kind: str, name: str, number: int) -> None:
        self.kind, self.name, self.left = kind, name, number
        self.flush, self.replace = files._flush, os.replace

    def at_flush(self, path: Path) -> None:
        self.flush(path)
        stem = path.name.partition(".unfinished")[0].lstrip(".").split(".")[0]
        if path.is_file() and self.kind != "moved" and f"{stem}{path.suffix}" == self.name:
            if self.left == 0 and self.kind == "half":
                os.truncate(path, path.stat().st_size // 2)
            self.count()

    def at_move(self, source: Path, target: Path) -> None:
        self.replace(source, target)
        if self.kind == "moved" and Path(target).name == self.name:
            self.count()

    def count(self) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1


if __name__ == "__main__":
    death = Death(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    files._flush, os.replace = death.at_flush, death.at_move
    sys.exit(main(sys.argv[4:]))
