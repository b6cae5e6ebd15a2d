"""The kernels of a compiled program in few translation units, where inductor makes one of each."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NamedTuple

__all__ = ["few_units"]

# Reading the headers takes the compiler about as long as this many characters of kernels do, so
# that a second unit is begun where there is a second processor and more than that to compile.
WORTH_A_UNIT = 400_000
INCLUDE = re.compile(r"^[ \t]*#include.*$", re.MULTILINE)
POINTER = re.compile(r"(const )?\w+\*")
BINDINGS = r"""
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <cstdlib>
#include <stdexcept>

static void* (*_memory_of)(PyObject*);

template <typename F> static PyObject* _called(F f, Py_ssize_t given, Py_ssize_t expected) {
    try {
        if (given != expected) throw std::runtime_error("wrong number of arguments");
        f();
    } catch (std::exception const& e) {
        PyErr_SetString(PyExc_RuntimeError, e.what());
        return nullptr;
    } catch (...) {
        PyErr_SetString(PyExc_RuntimeError, "unhandled error");
        return nullptr;
    }
    Py_RETURN_NONE;
}
"""
CALL = """
static PyObject* _call_{i}(PyObject*, PyObject* const* args, Py_ssize_t n) {{
    return _called([&] {{ kernel_{i}({arguments}); }}, n, {count});
}}
"""
MODULE = """
static PyMethodDef _methods[] = {{
    {methods}
    {{NULL, NULL, 0, NULL}}}};
static struct PyModuleDef _module = {{PyModuleDef_HEAD_INIT, "kernel", NULL, -1, _methods}};

PyMODINIT_FUNC PyInit_kernel(void) {{
    const char* address = std::getenv("_TORCHINDUCTOR_PYOBJECT_TENSOR_DATA_PTR");
    if (!address) {{
        PyErr_SetString(PyExc_RuntimeError, "_TORCHINDUCTOR_PYOBJECT_TENSOR_DATA_PTR is not set");
        return NULL;
    }}
    _memory_of = reinterpret_cast<decltype(_memory_of)>(std::strtoull(address, NULL, 10));
    PyObject* module = PyModule_Create(&_module);
#ifdef Py_GIL_DISABLED
    if (module) PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
    return module;
}}
"""


class _Kernel(NamedTuple):
    types: tuple[str, ...]
    source: str


@contextmanager
def few_units() -> Iterator[None]:
    """Within the block, kernels that inductor has written are compiled together.

    By itself inductor calls the compiler once for each kernel, with a precompiled header. Reading
    torch's headers takes longer than everything else, so one unit of all kernels takes about as
    long as three of one kernel each do, and needs no precompiled header. Where that does not work
    out, with another version of torch or with kernels of another kind, each is compiled by itself.
    """
    try:
        async_compile: Any = import_module("torch._inductor.async_compile")
        before = async_compile.AsyncCompile
        own = _together(before)
    except (ImportError, AttributeError):  # another version of torch
        yield
        return
    # Generated modules import the class when they are loaded.
    async_compile.AsyncCompile = own
    try:
        yield
    finally:
        async_compile.AsyncCompile = before


def _together(base: Any) -> Any:
    """Inductor's class that compiles kernels, which here waits until it has all of them."""
    alone, wait = base.cpp_pybinding, base.wait

    class Together(base):
        def cpp_pybinding(self, argtypes: list[str], source_code: str) -> _Kernel:
            return _Kernel(tuple(argtypes), source_code)

        def wait(self, scope: dict[str, Any]) -> None:
            named = {name: k for name, k in scope.items() if isinstance(k, _Kernel)}
            try:
                scope.update(_compiled(named, self.submit))
            except Exception:  # noqa: BLE001 one by one they say what is wrong
                scope.update({n: alone(self, list(k.types), k.source) for n, k in named.items()})
            wait(self, scope)

    return Together


def _compiled(named: Mapping[str, _Kernel], submit: Any) -> dict[str, Any]:
    """The functions of kernels, by the same names."""
    from torch._inductor.async_compile import get_compile_threads
    from torch._inductor.codecache import CppPythonBindingsCodeCache

    units = _divided(list(dict.fromkeys(named.values())), most=get_compile_threads())
    # Nobody steps through them, and what a debugger needs takes a tenth of the time.
    loading = [
        CppPythonBindingsCodeCache.load_async(
            _code(unit), submit_fn=submit if len(units) > 1 else None, extra_flags=("-g0",)
        )
        for unit in units
    ]
    found: dict[_Kernel, Any] = {}
    for unit, load in zip(units, loading, strict=True):
        module = load()
        found |= {kernel: getattr(module, f"kernel_{i}") for i, kernel in enumerate(unit)}
    return {name: found[kernel] for name, kernel in named.items()}


def _divided(kernels: Sequence[_Kernel], *, most: int) -> list[list[_Kernel]]:
    """Kernels in units of about the same size."""
    size = sum(len(kernel.source) for kernel in kernels)
    units: list[list[_Kernel]] = [[] for _ in range(max(1, min(most, size // WORTH_A_UNIT)))]
    sizes = [0] * len(units)
    for kernel in sorted(kernels, key=lambda kernel: len(kernel.source), reverse=True):
        smallest = sizes.index(min(sizes))
        units[smallest].append(kernel)
        sizes[smallest] += len(kernel.source)
    return [unit for unit in units if unit]


def _code(kernels: Sequence[_Kernel]) -> str:
    """A Python module of kernels, as C++.

    Raises:
        ValueError: If a kernel takes anything but pointers.
    """
    includes: dict[str, None] = {}
    parts, methods = [], []
    for i, kernel in enumerate(kernels):
        if not all(POINTER.fullmatch(type_) for type_ in kernel.types):
            raise ValueError(f"kernel: expected pointers, got {kernel.types}")
        includes |= dict.fromkeys(INCLUDE.findall(kernel.source))
        # Each is called "kernel" and has C's linkage, which no namespace keeps apart.
        body = INCLUDE.sub("", kernel.source)
        arguments = ", ".join(
            f"static_cast<{type_}>(_memory_of(args[{n}]))" for n, type_ in enumerate(kernel.types)
        )
        parts.append(f"#define kernel kernel_{i}\n{body}\n#undef kernel\n")
        parts.append(CALL.format(i=i, arguments=arguments, count=len(kernel.types)))
        function = f"reinterpret_cast<PyCFunction>(_call_{i})"
        methods.append(f'{{"kernel_{i}", {function}, METH_FASTCALL, ""}},')
    module = MODULE.format(methods="\n    ".join(methods))
    return "\n".join([*includes, BINDINGS, *parts, module])
