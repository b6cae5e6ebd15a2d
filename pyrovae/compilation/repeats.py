"""What inductor calculates again and again while it writes kernels, made cheap."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from importlib import import_module
from typing import Any

__all__ = ["cheap_repeats", "stride_of"]


@contextmanager
def cheap_repeats() -> Iterator[None]:
    """Within the block, inductor does not simplify what is simple, nor build what is built.

    Of the time in which a program of convolutions is written as kernels, two fifths are the
    simplification of index expressions to find how far apart neighbours lie, which is a coefficient
    of nearly all of them, and a tenth is the construction of one table for each operation of each
    kernel. Then a quarter is the union of sets of all operations so far, one name after another,
    for each operation. What these functions return remains the same. Other versions of torch that
    lack them compile as they do.
    """
    with ExitStack() as stack:
        for module, owner, name, quick in (
            ("torch._inductor.codegen.cpp", None, "stride_at_vec_range", _read_off),
            (
                "torch._inductor.dtype_propagation",
                "DtypePropagationOpsHandler",
                "__init__",
                _built_once,
            ),
            ("torch.utils._ordered_set", "OrderedSet", "__or__", _united),
        ):
            try:
                place: Any = import_module(module)
                place = place if owner is None else getattr(place, owner)
                slow = getattr(place, name)
            except (ImportError, AttributeError):  # another version of torch
                continue
            own = name in vars(place)  # or inherited
            setattr(place, name, quick(slow))
            stack.callback(*((setattr, place, name, slow) if own else (delattr, place, name)))
        yield


def stride_of(index: Any, variable: Any) -> Any:
    """The coefficient of a variable, or None if a term holds it in any other way."""
    sympy: Any = import_module("sympy")
    total = 0
    for term in sympy.Add.make_args(index):
        if term == variable:
            total += 1
        elif term.is_Mul and len(term.args) == 2 and term.args[1] == variable:
            if not term.args[0].is_Integer:
                return None
            total += int(term.args[0])
        elif term.has(variable):
            return None
    return sympy.Integer(total)


def _read_off(slow: Callable[..., Any]) -> Callable[..., Any]:
    sympy: Any = import_module("sympy")

    @wraps(slow)
    def quick(index: Any, variable: Any, *rest: Any, **options: Any) -> Any:
        stride = stride_of(index, variable) if isinstance(index, sympy.Expr) else None
        return slow(index, variable, *rest, **options) if stride is None else stride

    return quick


def _built_once(slow: Callable[..., None]) -> Callable[..., None]:
    built: list[Any] = []

    @wraps(slow)
    def quick(self: Any) -> None:
        if not any(self is one for one in built):  # there is only one, built anew by each call
            slow(self)
            built.append(self)

    return quick


def _united(slow: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(slow)
    def quick(self: Any, other: Any) -> Any:
        if type(self) is not type(other):
            return slow(self, other)
        union = self.copy()
        union |= other  # in C
        return union

    return quick
