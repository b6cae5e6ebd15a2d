"""One step of training as one graph, compiled."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pyro.infer
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx
from torch.overrides import TorchFunctionMode

from pyrovae.schedules import Annealed
from pyrovae.scope import isolated, without_validation
from pyrovae.training.gradients import Gradients

__all__ = ["CompiledGradients", "NotCompiled"]


class NotCompiled(RuntimeError):
    """A program could not be compiled, or not to the same numbers; the message says why."""


class _Program(nn.Module):
    """The step as a module, so that all tensors of the model can be swapped by name."""

    def __init__(self, model: nn.Module, gradients: Gradients) -> None:
        super().__init__()
        self.program = model
        self.gradients = gradients

    def forward(self, leaves: Sequence[Tensor], *batch: Tensor) -> Tensor:
        return self.gradients(leaves, batch)


class CompiledGradients:
    r"""`Gradients` of batches of one shape, traced through Pyro's handlers and compiled.

    The handlers run once, when ``make_fx`` traces the step on copies of the model's parameters
    and buffers: model, guide, objective, backward pass and clipping become one graph of tensor
    operations, which inductor compiles. Whatever tensor the programs close over (a temperature
    or a capacity that a schedule moves) becomes an input of the graph, read anew at each call.

    The graph draws its random numbers from torch's generators in the order of the eager step, so
    that compiled and eager training with one seed follow each other to rounding.

    Args:
        model: The module whose programs ``gradients`` runs.
        gradients: The step.
        batch: A batch of the shape to compile for.
        other: A second one of that shape, on which eager and compiled step are compared.
        seed: Seed of the random numbers drawn here. The caller's generators are not moved.

    Raises:
        NotCompiled: If the program cannot be traced (its control flow depends on data) or
            compiled (there is no C++ compiler), or gives other numbers than the eager step on
            the second batch, or at another time of its schedule.
    """

    def __init__(
        self,
        model: nn.Module,
        gradients: Gradients,
        batch: tuple[Tensor, ...],
        other: tuple[Tensor, ...],
        *,
        seed: int = 0,
    ) -> None:
        if not isinstance(model, nn.Module):
            raise NotCompiled(f"{type(model).__name__} is no nn.Module, whose tensors have names")
        self.shapes = [tensor.shape for tensor in batch]
        self.device = batch[0].device
        self._program = _Program(model, gradients)
        self._parameters = dict(self._program.named_parameters())
        self._trained = [p for p in self._parameters.values() if p.requires_grad]
        with ExitStack() as stack:
            stack.enter_context(isolated(self.device, seed))
            stack.enter_context(without_validation())
            graph, self._constants = self._trace(batch)
            self._check(graph, other, seed + 1, "traced")
            self._run = self._compile(graph, batch)
            self._check(self._run, other, seed + 2, "compiled")

    def __call__(self, batch: tuple[Tensor, ...]) -> Tensor:
        """Fills the gradients of the model's parameters; see `Gradients`."""
        with torch.no_grad():
            loss, *gradients = self._run(*self._inputs(batch))
        if self.device.type == "cuda":
            loss = loss.clone()  # a captured graph writes its results to the same place each time
        for parameter, gradient in zip(self._trained, gradients, strict=True):
            parameter.grad = gradient
        return loss

    def fits(self, batch: tuple[Tensor, ...]) -> bool:
        """Whether a batch has the shape that was compiled for (an epoch's last may not)."""
        return [tensor.shape for tensor in batch] == self.shapes

    def _inputs(self, batch: tuple[Tensor, ...]) -> list[Tensor]:
        # Buffers are looked up each time: a module may put another tensor in their place.
        constants = (c.to(self.device, non_blocking=True) for c in self._constants)
        return [*self._parameters.values(), *self._program.buffers(), *constants, *batch]

    def _step(self, parameters: Sequence[Tensor], rest: Sequence[Tensor]) -> list[Tensor | None]:
        """The step as a function of all tensors: the loss, then the gradients."""
        names = list(self._parameters)
        leaves = {
            name: tensor.detach().requires_grad_(self._parameters[name].requires_grad)
            for name, tensor in zip(names, parameters, strict=True)
        }
        buffers = [name for name, _ in self._program.named_buffers()]
        trained = [leaf for leaf in leaves.values() if leaf.requires_grad]
        tensors = leaves | dict(zip(buffers, rest, strict=False))
        loss = functional_call(self._program, tensors, (trained, *rest[len(buffers) :]))
        return [loss, *(leaf.grad for leaf in trained)]

    def _trace(self, batch: tuple[Tensor, ...]) -> tuple[GraphModule, list[Tensor]]:
        count = len(self._parameters)
        # Tracing executes: on the buffers themselves it would move a BatchNorm's.
        copies = [p.detach().clone() for p in self._parameters.values()]
        copies += [b.clone() for b in self._program.buffers()]

        def step(*tensors: Tensor) -> list[Tensor | None]:
            return self._step(tensors[:count], tensors[count:])

        try:
            with _OneHotWithoutLooking():
                graph = make_fx(step)(*copies, *batch)
        except Exception as error:
            raise NotCompiled(f"it could not be traced: {_reason(error)}") from error
        return graph, _lift_constants(graph, at=len(copies))

    def _compile(self, graph: GraphModule, batch: tuple[Tensor, ...]) -> Callable[..., Any]:
        options: dict[str, Any] = {"fallback_random": True}
        if self.device.type == "cuda":
            options["triton.cudagraphs"] = True
        try:
            with torch.no_grad():
                inputs: list[Any] = list(self._inputs(batch))
                return torch._inductor.compile(graph, inputs, options=options)
        except Exception as error:
            raise NotCompiled(f"it could not be compiled: {_reason(error)}") from error

    def _check(
        self, run: Callable[..., Any], batch: tuple[Tensor, ...], seed: int, what: str
    ) -> None:
        """Compares loss, gradients and buffers with the eager step's.

        At another time of the objective's schedule: a number that was read while tracing is in
        the graph for good, and would show here.
        """
        try:
            with _another_time(self._program.gradients):
                expected = self._outcome(self._eager, batch, seed)
                found = self._outcome(run, batch, seed)
        except Exception as error:
            raise NotCompiled(f"the {what} step failed: {_reason(error)}") from error
        # float32 to its rounding, summed in another order; bfloat16 has 8 bits, and what it
        # rounds differs between kernels by as much.
        relative = 1e-4 if self._program.gradients.precision == "float32" else 5e-2
        largest = max((g.abs().max().item() for g in expected[1:] if g.numel()), default=0.0)
        for name, a, b in zip(self._names(), expected, found, strict=True):
            size = max(a.abs().max().item(), 1e-3 * largest, 1e-6) if a.numel() else 0.0
            distance = (a - b).abs().max().item() if a.numel() else 0.0
            if not distance <= relative * size:
                raise NotCompiled(
                    f"the {what} step gives another {name} than the eager one on a second batch "
                    f"(by {distance:.2g}, where the largest number is {size:.2g})"
                )

    def _names(self) -> list[str]:
        trained = [n for n, p in self._parameters.items() if p.requires_grad]
        return [
            "loss",
            *(f"gradient of {name.removeprefix('program.')}" for name in trained),
            *(f"buffer {n.removeprefix('program.')}" for n, _ in self._program.named_buffers()),
        ]

    def _outcome(
        self, run: Callable[..., Any], batch: tuple[Tensor, ...], seed: int
    ) -> list[Tensor]:
        """Loss, gradients and buffers after a step on copies, in double precision."""
        count, buffers = len(self._parameters), len(list(self._program.buffers()))
        inputs = [tensor.detach() for tensor in self._inputs(batch)]
        inputs[count : count + buffers] = [b.clone() for b in inputs[count : count + buffers]]
        with isolated(self.device, seed), torch.no_grad():
            results = list(run(*inputs))
        results += inputs[count : count + buffers]
        empty = torch.empty(0)
        return [empty if r is None else r.detach().double().cpu() for r in results]

    def _eager(self, *inputs: Tensor) -> list[Tensor | None]:
        count, buffers = len(self._parameters), len(list(self._program.buffers()))
        head = count + buffers
        with torch.enable_grad():
            rest = [*inputs[count:head], *inputs[head + len(self._constants) :]]
            return self._step(inputs[:count], rest)


class _OneHotWithoutLooking(TorchFunctionMode):
    """Makes one-hot vectors by comparison: torch's own function looks at the labels' range."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is nn.functional.one_hot and (len(args) > 1 or "num_classes" in kwargs):
            labels, classes = args[0], args[1] if len(args) > 1 else kwargs["num_classes"]
            return (labels.unsqueeze(-1) == torch.arange(classes, device=labels.device)).long()
        return func(*args, **kwargs)


def _lift_constants(graph: GraphModule, *, at: int) -> list[Tensor]:
    """Makes the tensors that a traced program closes over inputs of its graph.

    As constants inductor would copy their values into the code, and not see them move.

    Args:
        graph: A traced program, changed in place.
        at: Before which of its inputs to put them.

    Returns:
        The tensors, in their order.
    """
    nodes = graph.graph.nodes
    places = [node for node in nodes if node.op == "placeholder"]
    constants: dict[str, Tensor] = {}
    inputs: dict[str, Any] = {}
    for node in list(nodes):
        if node.op != "get_attr":
            continue
        name = node.target
        if name not in constants:
            constants[name] = getattr(graph, name)
            with graph.graph.inserting_before(places[at]):
                inputs[name] = graph.graph.placeholder(f"constant_{len(inputs)}")
                inputs[name].meta = dict(node.meta)
        node.replace_all_uses_with(inputs[name])
        graph.graph.erase_node(node)
    graph.recompile()
    return list(constants.values())


@contextmanager
def _another_time(gradients: Gradients) -> Iterator[None]:
    """Moves the schedules of a step for a block, and then puts them back.

    A number that was read while tracing is in the graph for good; it shows when it should move.
    """
    scale, objective = gradients.scale, gradients.objective
    kept: list[tuple[Any, dict[str, Any]]] = []
    nested: Any = objective
    while isinstance(nested, pyro.infer.ELBO):
        kept.append((nested, dict(vars(nested))))
        nested = next((v for v in vars(nested).values() if isinstance(v, pyro.infer.ELBO)), None)
    moving = [v for _, values in kept for v in values.values() if isinstance(v, Tensor)]
    if scale is not None and isinstance(scale.factor, Tensor):
        moving.append(scale.factor)
        kept.append((scale, dict(vars(scale))))
    values = [tensor.clone() for tensor in moving]
    try:
        if isinstance(objective, Annealed) and objective.settled:
            objective.advance(0.618 * objective.settled)
        if scale is not None and isinstance(scale.factor, Tensor):
            scale.factor.fill_(0.618)
        yield
    finally:
        for tensor, value in zip(moving, values, strict=True):
            tensor.copy_(value)
        for holder, attributes in kept:
            vars(holder).clear()
            vars(holder).update(attributes)


def _reason(error: Exception) -> str:
    if "get value out of a tracing tensor" in str(error):
        return "its control flow depends on the values of tensors (an .item() or a condition)"
    if "No working C++ compiler" in str(error) or "InvalidCxxCompiler" in type(error).__name__:
        return "there is no C++ compiler on this machine"
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}".strip()
