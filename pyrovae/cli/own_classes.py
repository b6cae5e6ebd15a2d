"""Classes of a person's own: which packages they are of, and where these are found."""

import os
import re
import sys
from collections.abc import Collection

from pyrovae.cli.options import Typed

__all__ = ["packages_of", "reach"]

OURS = ("pyrovae", "pyro", "torch")
DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


def packages_of(typed: Typed) -> set[str]:
    """The packages, other than this one and those it stands on, of the classes that were typed."""
    words = [word for word in typed.words if isinstance(word, str) and DOTTED.fullmatch(word)]
    found = {word.split(".")[0] for word in words} - {*OURS}
    return found.union(*map(packages_of, typed.arguments.values()))


def reach(packages: Collection[str]) -> None:
    """Lets a person's own classes be found from where the command is given, last of all."""
    here = os.getcwd()
    if packages and here not in sys.path and "" not in sys.path:
        sys.path.append(here)
