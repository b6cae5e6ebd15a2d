"""What a trace needs: operations that do not look at values, and closed-over tensors as inputs."""

import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyro.util
import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.overrides import TorchFunctionMode

from pyrovae.compilation.not_compiled import NotCompiled

__all__ = ["lift_constants", "selections", "without_looking"]


# What makes of a tensor numbers of Python's, which a graph would keep as it met them.
LOOKING = {
    Tensor.__bool__,
    Tensor.__complex__,
    Tensor.__float__,
    Tensor.__index__,
    Tensor.__int__,
    Tensor.numpy,
    Tensor.tolist,
}


class _WithoutLooking(TorchFunctionMode):
    """Operations that need not look at values, in the place of torch's own, which do."""

    def __init__(self) -> None:
        super().__init__()
        self.looked: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is nn.functional.one_hot and (len(args) > 1 or "num_classes" in kwargs):
            # Torch looks at the range of the labels.
            labels, classes = args[0], args[1] if len(args) > 1 else kwargs["num_classes"]
            return (labels.unsqueeze(-1) == torch.arange(classes, device=labels.device)).long()
        if func is Tensor.item:
            # A number that is added up and given back, as in Pyro's estimators, may be a tensor as
            # well; one that decides on anything fails as a condition, or as an argument.
            return args[0].detach()
        if func in LOOKING:
            self.looked.append(args[0])
        return func(*args, **kwargs)


@contextmanager
def without_looking(
    attributes: Callable[[], Mapping[str, Tensor]] = dict,
) -> Iterator[None]:
    """Lets programs be traced that ask for values without making anything depend on them.

    One-hot vectors of labels, ``tensor.item()`` within sums, and Pyro's own warnings of NaN, which
    a step of training has a test of its own for.

    Args:
        attributes: Gives the tensors that the program may hold in attributes, by their paths.

    Raises:
        NotCompiled: If the program made a number of one of these, which a trace keeps as it is, or
            drew random numbers of Python or NumPy.
    """
    drawn = _states()
    before = pyro.util.torch_isnan
    pyro.util.torch_isnan = lambda x: False
    try:
        with _WithoutLooking() as mode:
            yield
    finally:
        pyro.util.torch_isnan = before
    if _states() != drawn:
        raise NotCompiled("it draws random numbers of Python or NumPy, which a graph would keep")
    looked = {id(tensor) for tensor in mode.looked}
    for path, tensor in attributes().items():
        if id(tensor) in looked:
            raise NotCompiled(
                f"it makes a number of the tensor {path}, which a graph would keep; leave it a "
                "tensor"
            )


def _states() -> list[Any]:
    """How far the random numbers are that no trace sees."""
    numpy: Any = sys.modules.get("numpy")
    state = () if numpy is None else numpy.random.get_state()
    return [
        random.getstate(),
        *(part.tobytes() if hasattr(part, "tobytes") else part for part in state),
    ]


def lift_constants(graph: GraphModule, *, at: int) -> list[Tensor]:
    """Makes the tensors that a traced program closes over inputs of its graph.

    As constants inductor would copy their values into the code, and not see them move.

    Args:
        graph: A traced program, changed in place.
        at: Before which of its inputs to put them.

    Returns:
        The tensors, in their order.

    Raises:
        NotCompiled: If it closes over something else.
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
            if not isinstance(constants[name], Tensor):
                kind = type(constants[name]).__name__
                raise NotCompiled(f"it uses a {kind} of its own, which a graph cannot hold")
            with graph.graph.inserting_before(places[at]):
                inputs[name] = graph.graph.placeholder(f"constant_{len(inputs)}")
                inputs[name].meta = dict(node.meta)
        node.replace_all_uses_with(inputs[name])
        graph.graph.erase_node(node)
    graph.recompile()
    return list(constants.values())


def selections(graph: GraphModule) -> list[str]:
    """The operations of a traced program whose results have as many values as the data say.

    Such a program fits no batch but those that have as many as the one it was traced with.
    """
    found = []
    for node in graph.graph.nodes:
        if torch.Tag.dynamic_output_shape not in getattr(node.target, "tags", ()):
            continue
        if node.target is torch.ops.aten.index.Tensor:  # at places, or where a mask is true
            indices = [i.meta["val"].dtype for i in node.args[1] if i is not None]
            if not {torch.bool, torch.uint8}.intersection(indices):
                continue
        found.append(str(node.target))
    return found
