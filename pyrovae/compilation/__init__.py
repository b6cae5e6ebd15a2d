"""Compiling Pyro programs: tracing and comparing them, and whether that pays."""

from pyrovae.compilation.auto import AutoCompiled, Compile
from pyrovae.compilation.function import (
    ROUNDINGS,
    Batch,
    CompiledFunction,
    NotCompiled,
    half_twice,
)

__all__ = [
    "ROUNDINGS",
    "AutoCompiled",
    "Batch",
    "Compile",
    "CompiledFunction",
    "NotCompiled",
    "half_twice",
]
