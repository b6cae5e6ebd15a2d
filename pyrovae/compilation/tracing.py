"""What a trace needs: operations that do not look at values, and closed-over tensors as inputs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyro.util
import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.overrides import TorchFunctionMode

__all__ = ["lift_constants", "selections", "without_looking"]


class _WithoutLooking(TorchFunctionMode):
    """Operations that need not look at values, in the place of torch's own, which do."""

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
        return func(*args, **kwargs)


@contextmanager
def without_looking() -> Iterator[None]:
    """Lets programs be traced that ask for values without making anything depend on them.

    One-hot vectors of labels, ``tensor.item()`` within sums, and Pyro's own warnings of NaN, which
    a step of training has a test of its own for.
    """
    before = pyro.util.torch_isnan
    pyro.util.torch_isnan = lambda x: False
    try:
        with _WithoutLooking():
            yield
    finally:
        pyro.util.torch_isnan = before


def lift_constants(graph: GraphModule, *, at: int) -> list[Tensor]:
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
