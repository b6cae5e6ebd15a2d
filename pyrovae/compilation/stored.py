"""Compiled programs on disk, which a process calls without loading the compiler."""

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.fx import GraphModule

from pyrovae.compilation.cache import cache_folder
from pyrovae.compilation.generated import assemble, parts_of
from pyrovae.compilation.graph_key import graph_key
from pyrovae.files import atomic

__all__ = ["Stored"]


class Stored:
    """The place of a traced program in torch's cache on disk, beside what torch keeps there.

    To find a program there torch loads its compiler and takes the program through its first
    stages, which takes longer than tracing it. Here it is found by what was traced, and its kernels
    are called by the code that torch has written, taken from the module that it is in. What does
    not work out, with another version of torch or with code of a kind that is not known, is no
    error: the program is compiled as it always is.

    A program that is found is to be compared with the eager function as one that is compiled.

    Args:
        graph: The program.
        inputs: What it is called with.
    """

    def __init__(self, graph: GraphModule, inputs: Sequence[Tensor]) -> None:
        self._key = graph_key(graph, inputs)
        (output,) = graph.graph.output_node().args
        self._outputs = len(output) if isinstance(output, list | tuple) else 1
        self._before = _modules()

    def load(self) -> Callable[..., Sequence[Any]] | None:
        """The program, if it is there."""
        if self._key is None:
            return None
        try:
            folder = cache_folder()
            digest, text = _file(folder, self._key).read_text(encoding="utf-8").split("\n", 1)
            if digest != _digest(text):
                return None
            parts = json.loads(text)
            call = assemble(parts, folder)
        except Exception:  # noqa: BLE001 none is worth more than that it is compiled again
            return None

        def run(*inputs: Tensor) -> Sequence[Any]:
            results: Sequence[Any] = call(list(inputs))
            if len(results) != self._outputs:
                raise RuntimeError(f"expected {self._outputs} results, got {len(results)}")
            return results

        return run

    def save(self) -> None:
        """Keeps what torch has compiled since this object was made, if it is of a known kind."""
        modules = [m for m in _modules() if all(m is not earlier for earlier in self._before)]
        if self._key is None or len(modules) != 1:
            return
        try:
            folder = cache_folder()
            parts = parts_of(modules[0], folder)
            if parts is None:
                return
            with atomic(_file(folder, self._key)) as path:
                text = json.dumps(parts)
                path.write_text(f"{_digest(text)}\n{text}", encoding="utf-8")
        except Exception:  # noqa: BLE001 neither a full disk nor another torch ends a run
            return


def _modules() -> list[Any]:
    """What torch has loaded of the code that it has written."""
    codecache: Any = sys.modules.get("torch._inductor.codecache")
    return list(getattr(getattr(codecache, "PyCodeCache", None), "modules", []))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _file(folder: Path, key: str) -> Path:
    return folder / "pyrovae" / key[:2] / f"{key}.json"
