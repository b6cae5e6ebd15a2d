"""What a trace needs: operations that do not look at values, and closed-over tensors as inputs."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule
from torch.overrides import TorchFunctionMode

__all__ = ["OneHotWithoutLooking", "lift_constants", "selections"]


class OneHotWithoutLooking(TorchFunctionMode):
    """Makes one-hot vectors by comparison: torch's own function looks at the labels' range."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is nn.functional.one_hot and (len(args) > 1 or "num_classes" in kwargs):
            labels, classes = args[0], args[1] if len(args) > 1 else kwargs["num_classes"]
            return (labels.unsqueeze(-1) == torch.arange(classes, device=labels.device)).long()
        return func(*args, **kwargs)


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
