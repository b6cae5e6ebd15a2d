"""By what a compiled program is found again: all that decides about its code."""

import hashlib
import operator
import os
import platform
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.fx import GraphModule, Node

from pyrovae.compilation.cache import is_switched_off
from pyrovae.compilation.kept import form_of
from pyrovae.compilation.machine import instructions, settings

__all__ = ["graph_key"]

# Operations whose meaning goes with the versions of torch and of this library.
OPERATIONS = {"aten", "prims", "pyrovae"}
PLACES = ("TORCHINDUCTOR_CACHE_DIR",)
PLAIN: set[type] = {bool, int, float, complex, str, type(None)}
PLAIN |= {torch.dtype, torch.device, torch.layout, torch.memory_format}


def graph_key(graph: GraphModule, inputs: Sequence[Tensor]) -> str | None:
    """A digest of a traced program, of the form of its inputs and of where it is compiled.

    Returns:
        The digest; None if there is anything in it of which a later process could not tell whether
        it is the same: another's operations, memory that inputs share, settings of inductor's that
        have been changed, an accelerator, caches that are switched off.
    """
    storages = [t.untyped_storage().data_ptr() for t in inputs if t.numel()]
    on_cpu = all(t.device.type == "cpu" for t in inputs)
    if not on_cpu or len(set(storages)) < len(storages) or not _as_delivered():
        return None
    try:
        nodes = _nodes(graph)
    except TypeError:
        return None
    form = [str(item) for item in form_of(inputs)[: len(inputs)]]
    circumstances = _machine(), settings(torch.device("cpu")), _environment()
    return hashlib.sha256(repr((nodes, form, *circumstances)).encode()).hexdigest()


def _nodes(graph: GraphModule) -> list[Any]:
    numbers: dict[Node, int] = {}
    found = []
    for node in graph.graph.nodes:
        numbers[node] = len(numbers)
        target = None if node.op in ("placeholder", "output") else _operation(node)
        found.append((node.op, target, _plain(node.args, numbers), _plain(node.kwargs, numbers)))
    return found


def _operation(node: Node) -> str:
    target: Any = node.target
    if node.op == "call_function" and target is operator.getitem:
        return "getitem"
    if isinstance(target, torch._ops.OpOverload) and target.namespace in OPERATIONS:
        return str(target)
    raise TypeError(target)


def _plain(value: Any, numbers: dict[Node, int]) -> Any:
    if isinstance(value, Node):
        return ("node", numbers[value])
    if isinstance(value, tuple | list):
        return [_plain(item, numbers) for item in value]
    if isinstance(value, dict):
        return [(key, _plain(item, numbers)) for key, item in sorted(value.items())]
    if isinstance(value, slice):
        return ("slice", _plain((value.start, value.stop, value.step), numbers))
    if type(value) in PLAIN:
        return (type(value).__name__, repr(value))
    raise TypeError(value)


def _as_delivered() -> bool:
    """Whether the compiler's settings are those that it has by itself."""
    if is_switched_off():
        return False
    # What has not been imported nobody has changed.
    config: Any = sys.modules.get("torch._inductor.config")
    if config is None:
        return True
    try:
        from torch.utils._config_module import _UNSET_SENTINEL as UNSET

        set_to = [(entry.user_override.get(), entry.default) for entry in config._config.values()]
        # Compiling puts its own options back by setting them to the default.
        return all(value is UNSET or value == default for value, default in set_to)
    except (ImportError, AttributeError, TypeError, ValueError, RuntimeError):
        return False  # another version of torch


def _environment() -> list[tuple[str, str]]:
    """The variables of the environment that decide about a program."""
    names = sorted(n for n in os.environ if n.startswith("TORCH") or n in ("CC", "CXX", "CFLAGS"))
    # What torchrun tells a rank is another in each run.
    names = [n for n in names if n not in PLACES and not n.startswith("TORCHELASTIC_")]
    return [(n, os.environ[n]) for n in names]


@cache
def _machine() -> tuple[str, ...]:
    """The versions of what writes the code, and the processor that it is for."""
    own = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        own.update(path.read_bytes())
    capability = torch.backends.cpu.get_cpu_capability()
    version = (torch.__version__, str(torch.version.git_version), sys.version)
    system = (platform.platform(), platform.processor())
    return (*version, own.hexdigest(), *system, capability, instructions())
