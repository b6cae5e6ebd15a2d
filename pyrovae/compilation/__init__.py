"""Compiling Pyro programs: tracing and comparing them, and whether that pays."""

from pyrovae.compilation.auto import AutoCompiled, Compile
from pyrovae.compilation.comparison import Batch, half_twice
from pyrovae.compilation.function import ROUNDINGS, CompiledFunction
from pyrovae.compilation.kept import Keeping
from pyrovae.compilation.not_compiled import NotCompiled

__all__ = [
    "ROUNDINGS",
    "AutoCompiled",
    "Batch",
    "Compile",
    "CompiledFunction",
    "Keeping",
    "NotCompiled",
    "half_twice",
]
