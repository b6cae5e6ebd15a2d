"""From a function of one datum to a program of tensor operations for any number of them."""

from typing import Any

import torch
from torch.export import Dim, ExportedProgram
from torch.fx.experimental.proxy_tensor import make_fx

from pyrovae.compilation.tracing import without_looking
from pyrovae.exporting.batching import DECOMPOSITIONS
from pyrovae.exporting.each import Each
from pyrovae.exporting.programs import PlainProgram

__all__ = ["traced"]


def traced(program: PlainProgram) -> ExportedProgram:
    """The tensor operations of a program, for a batch of any size.

    Pyro reads the size of a batch as a number, so that a batch of one is recorded, and each of its
    operations then done for all data at once.

    Raises:
        Exception: Whatever torch raises where a program is more than tensor operations.
    """
    first = [value[:1] for value in program.examples]
    with without_looking():
        recorded = make_fx(program.run)(*first)
        # Again without what changes values in place, which batched values do not fit into.
        one: Any = make_fx(torch.func.functionalize(recorded), DECOMPOSITIONS)(*first)
    sizes = {0: Dim("n")}
    return torch.export.export(
        Each(one).eval(),
        program.examples,
        dynamic_shapes={"batch": tuple(sizes for _ in program.examples)},
        strict=False,
    )
