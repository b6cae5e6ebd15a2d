"""From a function of one datum to a program of tensor operations for any number of them."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.fx.experimental.proxy_tensor import make_fx

from pyrovae.compilation.tracing import without_looking
from pyrovae.exporting.batching import DECOMPOSITIONS
from pyrovae.exporting.programs import PlainProgram

__all__ = ["traced"]


class _Each(nn.Module):
    """Runs a program of one datum for each datum of a batch."""

    def __init__(self, one: Callable[..., Sequence[Tensor]]) -> None:
        super().__init__()
        self.one = one

    def forward(self, *batch: Tensor) -> tuple[Tensor, ...]:
        """Gives the outputs, ``(n, ...)`` each."""

        def single(*datum: Tensor) -> tuple[Tensor, ...]:
            made = self.one(*(value.unsqueeze(0) for value in datum))
            return tuple(value.squeeze(0) for value in made)

        found: tuple[Tensor, ...] = torch.vmap(single)(*batch)
        return found


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
        _Each(one).eval(),
        program.examples,
        dynamic_shapes={"batch": tuple(sizes for _ in program.examples)},
        strict=False,
    )
