"""The Python code that inductor writes, which calls kernels: taken apart, and put together again."""

import ast
import builtins
import hashlib
import importlib.util
import math
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor

__all__ = ["assemble", "parts_of"]

Parts = dict[str, Any]


def parts_of(module: ModuleType, folder: Path) -> Parts | None:
    """Takes a generated module apart: what calls the kernels, and where these are.

    By itself such a module imports the compiler, which takes longer than tracing a program does.
    What is left here needs torch alone.

    Args:
        module: The module, as inductor has loaded it.
        folder: Where the compiled kernels are.

    Returns:
        Plain values; None if there is anything in it that is not known here.
    """
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    code = [node for node in tree.body if _is_called(node)]
    globals_, provided = vars(module), _provided(())
    kernels, operations = {}, set()
    for name in sorted(_free_names(code)):
        value: Any = globals_.get(name)
        library = getattr(
            sys.modules.get(getattr(value, "__module__", None) or ""), "__file__", ""
        )
        if name == "extern_kernels":
            operations = _attributes(code, name)
            known = all(getattr(value, o) is getattr(torch, o, None) for o in operations)
        elif name == "assert_tensor_metadata":
            known = True  # this file has its own
        elif name in provided:
            known = value is provided[name] or value == provided[name]
        elif library and Path(library).suffix == ".so" and Path(library).is_relative_to(folder):
            path = Path(library)
            function = value.__name__
            kernels[name] = [str(path.relative_to(folder)), _digest(path), function]
            known = getattr(sys.modules[value.__module__], function, None) is value
        else:
            known = hasattr(builtins, name) and name not in globals_
        if not known:
            return None
    source = ast.unparse(ast.Module(body=code, type_ignores=[]))
    return {"source": source, "kernels": kernels, "operations": sorted(operations)}


def assemble(parts: Mapping[str, Any], folder: Path) -> Callable[[list[Tensor]], Any]:
    """Puts together what `parts_of` has taken apart.

    Returns:
        A function that takes the inputs in a list, which it empties.

    Raises:
        Exception: Of whatever kind, if a kernel is not there, or is another one.
    """
    # By this the kernels find the memory of a tensor; inductor tells them in the same way.
    pointer = torch._C._dynamo.guards._torchinductor_pyobject_tensor_data_ptr  # type: ignore[attr-defined]
    os.environ["_TORCHINDUCTOR_PYOBJECT_TENSOR_DATA_PTR"] = str(pointer)
    names = _provided(parts["operations"])
    libraries: dict[tuple[str, str], ModuleType] = {}
    for name, (path, digest, function) in parts["kernels"].items():
        if (path, digest) not in libraries:
            libraries[path, digest] = _library(folder / path, digest)
        names[name] = getattr(libraries[path, digest], function)
    exec(compile(parts["source"], "<program>", "exec"), names)  # noqa: S102 torch wrote it
    call: Callable[[list[Tensor]], Any] = names["call"]
    return call


def _is_called(node: ast.stmt) -> bool:
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return node.name in ("Runner", "call")
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id in ("runner", "call")
    return False


def _free_names(code: list[ast.stmt]) -> set[str]:
    """The names that code takes from its module."""
    read: set[str] = set()
    bound = {"self"}
    for node in (n for statement in code for n in ast.walk(statement)):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef):
            bound.add(node.name)
    return read - bound


def _attributes(code: list[ast.stmt], name: str) -> set[str]:
    return {
        node.attr
        for statement in code
        for node in ast.walk(statement)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == name
    }


def _provided(operations: Any) -> dict[str, Any]:
    """What generated code finds in its module, beside the kernels."""
    guards: Any = torch._C._dynamo.guards
    return {
        "torch": torch,
        "aten": torch.ops.aten,
        "device": torch.device,
        "inf": math.inf,
        "nan": math.nan,
        "assert_size_stride": guards.assert_size_stride,
        "assert_size_stride_grouped": getattr(guards, "assert_size_stride_grouped", None),
        "assert_alignment": getattr(guards, "assert_alignment", None),
        "assert_tensor_metadata": _assert_tensor_metadata,
        "empty_strided_cpu": guards._empty_strided_cpu,
        "reinterpret_tensor": guards._reinterpret_tensor,
        "extern_kernels": SimpleNamespace(**{name: getattr(torch, name) for name in operations}),
    }


def _assert_tensor_metadata(
    tensor: Tensor | None,
    size: tuple[int, ...],
    stride: tuple[int, ...],
    dtype: torch.dtype,
    name: str | None = None,
) -> None:
    """That an operation has given what it was said to give, as code for it was written."""
    if tensor is None:
        return
    if tensor.dtype != dtype:
        raise RuntimeError(f"{name}: expected {dtype}, got {tensor.dtype}")
    torch._C._dynamo.guards.assert_size_stride(tensor, size, stride, name)


def _library(path: Path, digest: str) -> ModuleType:
    if _digest(path) != digest:
        raise ValueError(f"{path}: the kernels have changed")
    # An extension module's name ends in that of its initialising function.
    spec = importlib.util.spec_from_file_location(f"_{digest}.kernel", path)
    if spec is None or spec.loader is None:
        raise ImportError(str(path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
