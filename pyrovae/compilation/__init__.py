"""Compiling Pyro programs: tracing and comparing them, and whether that pays."""

from pyrovae.compilation.auto import AutoCompiled, Compile
from pyrovae.compilation.captured import (
    Capture,
    Captured,
    CapturedFunction,
    capture_calls,
    capture_for,
)
from pyrovae.compilation.comparison import Batch, half_twice
from pyrovae.compilation.function import ROUNDINGS, CompiledFunction
from pyrovae.compilation.kept import Keeping
from pyrovae.compilation.not_compiled import NotCompiled

__all__ = [
    "ROUNDINGS",
    "AutoCompiled",
    "Batch",
    "Capture",
    "Captured",
    "CapturedFunction",
    "Compile",
    "CompiledFunction",
    "Keeping",
    "NotCompiled",
    "capture_calls",
    "capture_for",
    "half_twice",
]
