"""Traced programs, compiled, and kept on disk for the processes to come."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor
from torch._guards import TracingContext, tracing
from torch._subclasses import FakeTensorMode
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from pyrovae.compilation.convolutions import CONVOLUTIONS
from pyrovae.compilation.decompositions import DECOMPOSITIONS
from pyrovae.compilation.products import PRODUCTS
from pyrovae.compilation.repeats import cheap_repeats
from pyrovae.compilation.units import few_units

__all__ = ["compile_graph"]


def compile_graph(graph: GraphModule, inputs: Sequence[Tensor]) -> Callable[..., Any]:
    """Compiles a traced program, or takes it from torch's cache on disk.

    A program is found there if an earlier process has compiled the same operations on tensors of
    the same shapes, with as many threads and the same versions of torch and of the compiler.
    Weights and data are inputs, so they need not be the same. Where the cache is, and whether
    there is one, are settings of torch's: ``TORCHINDUCTOR_CACHE_DIR``,
    ``TORCHINDUCTOR_FORCE_DISABLE_CACHES=1``.

    Args:
        graph: The program, as traced; it is left as it is.
        inputs: What it is called with; nothing is calculated with them.

    Returns:
        A function of tensors of these shapes, which draws its random numbers as the program does.
    """
    # It takes half a second, which a command that compiles nothing need not wait.
    from torch._inductor.exc import CppCompileError

    options: dict[str, Any] = {
        "fallback_random": True,
        # It captures no graph that moves its inputs unless torch's own front end calls them
        # static, and one call at a time; see `captured`.
        "triton.cudagraphs": False,
        # The generated loops are divided among so many; as an option it is part of the cache's key.
        "cpp.threads": torch.get_num_threads(),
        # It pays for ten units or more; see `few_units`.
        "cpp_cache_precompile_headers": False,
    }
    try:
        # By itself inductor spends three seconds on a machine's first program to find out whether
        # the compiler knows the processor's vectors. If it does not, the program shows that, too.
        return _compile(graph, inputs, {**options, "cpp.vec_isa_ok": True})
    except Exception as error:
        # Torch wraps what happens while it compiles.
        if not isinstance(getattr(error, "inner_exception", error), CppCompileError):
            raise
    _forget_vectors()
    return _compile(graph, inputs, options)


def _compile(
    graph: GraphModule, inputs: Sequence[Tensor], options: dict[str, Any]
) -> Callable[..., Any]:
    from torch.fx.experimental.symbolic_shapes import ShapeEnv

    known = torch._inductor.list_options()  # other versions have others
    options = {name: value for name, value in options.items() if name in known}
    with torch.no_grad():
        # On fake tensors: nothing is calculated, no memory taken, no buffer moved.
        table = {**DECOMPOSITIONS, **PRODUCTS, **CONVOLUTIONS}
        again = make_fx(graph, decomposition_table=table, tracing_mode="fake")
        cheaper = again(*inputs)
        # Inductor looks into its cache only where it is told, by a context, what stands for the
        # inputs; and by themselves these would be of sizes that may vary.
        stand_in = FakeTensorMode(shape_env=ShapeEnv())
        fixed: list[Any] = [stand_in.from_tensor(value, static_shapes=True) for value in inputs]
        with tracing(TracingContext(stand_in)), few_units(), cheap_repeats():
            return torch._inductor.compile(cheaper, fixed, options=options)


def _forget_vectors() -> None:
    """Has inductor find out anew which of the processor's vectors the compiler knows."""
    vectors: Any = import_module("torch._inductor.cpu_vec_isa")
    kinds = {kind for known in vectors.supported_vec_isa_list for kind in type(known).__mro__}
    for cached in (vectors.valid_vec_isa_list, *(vars(kind).get("__bool__") for kind in kinds)):
        if hasattr(cached, "cache_clear"):
            cached.cache_clear()
