"""Pyro programs as graphs of tensor operations, compiled."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch._guards import TracingContext, tracing
from torch._subclasses import FakeTensorMode
from torch.func import functional_call
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from pyrovae.compilation.called import Called, Function
from pyrovae.compilation.comparison import ROUNDINGS, Batch, check_same, nudged_by_a_rounding
from pyrovae.compilation.inductor import compile_graph
from pyrovae.compilation.kept import Keeping, Kept, Made
from pyrovae.compilation.memory import keep_freed_memory
from pyrovae.compilation.not_compiled import NotCompiled, reason_of
from pyrovae.compilation.numbers import Numbers
from pyrovae.compilation.slots import Slots, leaf_of, modes_of
from pyrovae.compilation.stored import Stored
from pyrovae.compilation.tracing import lift_constants, selections, without_looking
from pyrovae.scope import isolated, without_validation

__all__ = ["ROUNDINGS", "CompiledFunction"]

Run = Callable[..., Any]
Relative = Callable[[Sequence[Tensor]], float]
Elsewhere = Callable[[], AbstractContextManager[None]]


class CompiledFunction:
    r"""A function of a module's tensors and a batch of one shape, traced and compiled.

    ``make_fx`` traces the function once, on copies of the module's parameters and buffers. The
    result is one graph of tensor operations, which inductor compiles. A tensor that the programs
    close over (a capacity that a schedule moves) is an input of the graph, read at each call.

    A Python number is part of the graph. Those in attributes of the module and the other holders,
    and of what these hold, are compared before each call; see `Numbers` for what is not seen. The
    graph draws from torch's generators in the order of the eager function, so compiled and eager
    runs with one seed agree up to rounding.

    Args:
        module: The module that owns all parameters and buffers.
        function: What to compile. It takes the module's trained parameters (leaves, whose
            ``grad`` it may fill and which it may move in place) and a batch, and gives tensors or
            None. It may be a module with its own buffers.
        batch: A batch of the shape to compile for.
        other: A second one of that shape, on which eager and compiled results are compared.
        names: What to call the results in a message.
        relative: The largest relative difference of compiled results, as a function of the eager
            ones. If None, 1e-4, for float32 summed in another order.
        holders: What else holds numbers that the function reads, by what it is called in a
            message.
        elsewhere: Makes a context in which a schedule is at another position, where a number that
            was read from it while tracing shows.
        keeping: Where to keep the program, and as what function, for the next one that is made of
            the same parts in the same modes, with the same numbers, for a batch of the same form.
            It is compared with the eager function again, and compiled anew if they differ; see
            `read_by_code` for what is checked before.

    The caller's random state is left unchanged. For memory on the CPU see `keep_freed_memory`.

    Raises:
        NotCompiled: If the function cannot be traced (its control flow depends on data) or
            compiled (there is no C++ compiler), moves a number itself, or gives other results
            than the eager one on the second batch.
    """

    note = ""  # nothing beside that it is compiled

    def __init__(
        self,
        module: nn.Module,
        function: Function,
        batch: Batch,
        other: Batch,
        *,
        names: Sequence[str],
        relative: Relative | None = None,
        holders: Mapping[str, Any] | None = None,
        elsewhere: Elsewhere = nullcontext,
        keeping: Keeping | None = None,
    ) -> None:
        if not isinstance(module, nn.Module):
            raise NotCompiled(f"{type(module).__name__} is no nn.Module with named tensors")
        self._module, self.device = module, batch[0].device
        if self.device.type == "cpu":
            keep_freed_memory()
        self.trained = [p for p in module.parameters() if p.requires_grad]
        self._modules, self._all = list(module.modules()), list(module.parameters())
        self._form = self._form_of(batch)
        self._called = Called(module, function)
        self._parameters = dict(self._called.named_parameters())
        self._slots, self._places = self._called.slots(), self._called.places()
        self._watched, self._changes = Slots(self._called), list[str]()
        # What a run gives and what it may move.
        self._names = [
            *names,
            *(f"parameter {name.removeprefix('module.')}" for name in self._parameters),
            *(f"buffer {name.removeprefix('module.')}" for name in self._places),
        ]
        self._numbers = Numbers(model=module, **(holders or {}))
        with ExitStack() as stack:
            stack.enter_context(isolated(self.device, seed=0))
            stack.enter_context(without_validation())
            stack.enter_context(self._numbers.kept())
            if keeping is None or not self._find(keeping, batch, other, relative):
                self._make(batch, other, relative, elsewhere)
                if keeping is not None:
                    made, attributes = self._made(keeping, batch), self._numbers.tensors()
                    Kept(made, self._run, self._constants, attributes).keep(keeping)

    def __call__(self, batch: Batch) -> list[Any]:
        """The function's results for a batch, without a graph behind them."""
        self.read()
        return self.run(batch)

    def read(self) -> None:
        """Reads the tensors that the programs close over and that lie on another device."""
        for here, constant in zip(self._here, self._constants, strict=True):
            if here is not constant:
                here.copy_(constant, non_blocking=True)

    def run(self, batch: Batch) -> list[Any]:
        """The results for a batch, all other tensors being what they are on the device."""
        with torch.no_grad():
            return list(self._run(*self._inputs(batch)))

    def fits(self, batch: Batch) -> bool:
        """Whether it was compiled for such a batch (an epoch's last may be another).

        And for the module as it is: which parts are in training mode, what is trained.
        """
        return self._form_of(batch) == self._form

    def held(self) -> list[Tensor]:
        """The tensors that it reads beside a batch; those that it may move come first."""
        return [*self.moved(), *self._here]

    def moved(self) -> list[Tensor]:
        """The tensors that it may move: parameters and buffers."""
        buffers = (holder[name] for holder, name in self._places.values())
        return [*self._parameters.values(), *buffers]

    def changed(self) -> list[str]:
        """What in the module and the other holders is no more what was compiled, once it is not."""
        self._changes = self._changes or self._numbers.changed() or self._watched.changed()
        return self._changes

    def _make(
        self, batch: Batch, other: Batch, relative: Relative | None, elsewhere: Elsewhere
    ) -> None:
        """Traces and compiles; compares either program with the function."""
        graph = self._trace(batch)
        if self._numbers.changed():  # a first run may prepare the next ones
            graph = self._trace(batch)
            self._refuse_moved("each run moves a number")
        with ExitStack() as stack:
            try:
                stack.enter_context(elsewhere())
            except Exception as error:
                why = f"its schedule cannot be advanced: {reason_of(error)}"
                raise NotCompiled(why) from error
            self._refuse_moved("its schedule moves a number that is in no tensor")
            # The graph runs the very operations of the eager function.
            self._check(other, "traced", None, graph)
            self._refuse_moved("some runs move a number")
            check = partial(self._check, other, "compiled", relative)
            self._run = self._compile(graph, batch, check)

    def _find(
        self, keeping: Keeping, batch: Batch, other: Batch, relative: Relative | None
    ) -> bool:
        """Takes the program that is kept, if it is the one."""
        kept = Kept.find(keeping, self._made(keeping, batch), self._numbers.tensors())
        if kept is None:
            return False
        self._run = kept.run
        self._close_over(kept.constants)
        try:
            self._check(other, "kept", relative, self._run)
            self._refuse_moved("a run moves a number")
        except NotCompiled:  # another one says why, if none can be made
            kept.drop(keeping)
            return False
        return True

    def _made(self, keeping: Keeping, batch: Batch) -> Made:
        inputs = [*self.moved(), *batch]
        names = (*self._slots.items(), *self._places)
        return Made(keeping.what, self._module, names, inputs, self._numbers)

    def _refuse_moved(self, what: str) -> None:
        changed = self._numbers.changed()
        if changed:
            raise NotCompiled(f"{what}, which a graph would treat as constant: {changed[0]}")

    def _form_of(self, batch: Batch) -> list[Any]:
        # The compiled code reads memory as it was told to; nothing else guards it.
        form: list[Any] = [(t.shape, t.stride(), t.dtype, t.device) for t in batch]
        return [*form, *map(type, self._modules), *modes_of(self._modules, self._all)]

    def _inputs(self, batch: Batch) -> list[Tensor]:
        return [*self.held(), *batch]

    def _close_over(self, constants: Sequence[Tensor]) -> None:
        self._constants = list(constants)
        self._numbers.read(constants)
        self._here = [constant.to(self.device) for constant in constants]

    def _eager(self, tensors: Sequence[Tensor], batch: Batch) -> list[Tensor | None]:
        """The function with parameters and buffers of its own."""
        own = {
            name: leaf_of(parameter, tensor)
            for (name, parameter), tensor in zip(
                self._parameters.items(), tensors[: len(self._parameters)], strict=True
            )
        }
        leaves = [leaf for leaf in own.values() if leaf.requires_grad]
        swapped = {slot: own[name] for slot, name in self._slots.items()}
        swapped |= dict(zip(self._places, tensors[len(own) :], strict=True))
        with torch.enable_grad():
            return list(functional_call(self._called, swapped, (leaves, batch), tie_weights=False))

    def _trace(self, batch: Batch) -> GraphModule:
        # Tracing executes: on the buffers themselves it would move a BatchNorm's.
        copies = [tensor.detach().clone() for tensor in self.moved()]

        def function(*tensors: Tensor) -> list[Tensor | None]:
            return self._eager(tensors[: len(copies)], tensors[len(copies) :])

        try:
            # With one stand-in for all results; by itself torch makes one for each.
            with without_looking(self._numbers.tensors), tracing(TracingContext(FakeTensorMode())):
                graph = make_fx(function)(*copies, *batch)
        except Exception as error:
            raise NotCompiled(f"it could not be traced: {reason_of(error)}") from error
        if selected := selections(graph):
            raise NotCompiled(f"the number of its values depends on the data: {selected[0]}")
        constants = lift_constants(graph, at=len(copies))
        held = [constant for constant in constants if constant.requires_grad]
        for parameter in held:
            parameter.grad = None
        if held:
            raise NotCompiled(
                f"it uses a parameter of shape {tuple(held[0].shape)} that is not a parameter of "
                "the module, so its gradient would be lost"
            )
        self._close_over(constants)
        return graph

    def _compile(self, graph: GraphModule, batch: Batch, check: Callable[[Run], None]) -> Run:
        inputs = self._inputs(batch)
        stored = Stored(graph, inputs)
        run = stored.load()
        if run is not None:
            with suppress(NotCompiled):
                check(run)
                return run
        try:
            run = compile_graph(graph, inputs)
        except Exception as error:
            raise NotCompiled(f"it could not be compiled: {reason_of(error)}") from error
        check(run)
        stored.save()
        return run

    def _check(self, batch: Batch, what: str, relative: Relative | None, run: Run) -> None:
        """Compares results, and what a run moves, with the eager function's."""
        head = len(self._parameters) + len(self._places)
        rest = head + len(self._constants)

        def eager(*inputs: Tensor) -> list[Tensor | None]:
            return self._eager(inputs[:head], inputs[rest:])

        try:
            expected, found = self._outcome(eager, batch), self._outcome(run, batch)
        except Exception as error:
            raise NotCompiled(f"the {what} program failed: {reason_of(error)}") from error
        share = ROUNDINGS if relative is None else relative(expected)
        # The traced program rounds as the eager one does.
        nudged = None if what == "traced" else partial(self._outcome, eager, batch, nudge=True)
        check_same(expected, found, self._names, share=share, what=what, nudged=nudged)

    def _outcome(self, run: Run, batch: Batch, *, nudge: bool = False) -> list[Tensor]:
        """Results, and parameters and buffers after the run, in double precision; on copies."""
        self.read()
        inputs = [tensor.detach() for tensor in self._inputs(batch)]
        count = len(self._parameters) if nudge else 0
        inputs[:count] = map(nudged_by_a_rounding, inputs[:count])
        moved = slice(len(self._parameters) + len(self._places))
        inputs[moved] = [tensor.clone() for tensor in inputs[moved]]
        with isolated(self.device, seed=1), torch.no_grad():
            results = [*run(*inputs), *inputs[moved]]
        return [torch.empty(0) if r is None else r.detach().double().cpu() for r in results]
