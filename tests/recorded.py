"""A capture for the CPU that does what a CUDA graph does: it knows operations and addresses."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map_only


class Recorded(TorchDispatchMode):
    """Records each operation on tensors, and undoes what it did while it was recorded.

    What Python computed stays as it was, a tensor is where it was, what the work gave is written to
    again at each replay, and asking for a value is an error.
    """

    def __init__(self):
        super().__init__()
        self.calls, self.made, self.first = [], {}, {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        kwargs = kwargs or {}

        def meet(tensor):
            if id(tensor) not in self.made and id(tensor) not in self.first:
                self.first[id(tensor)] = tensor, tensor.clone()
            return tensor

        tree_map_only(torch.Tensor, meet, (args, kwargs))
        result = func(*args, **kwargs)
        tree_map_only(torch.Tensor, lambda t: self.made.setdefault(id(t), t), result)
        self.calls.append((func, args, kwargs, result))
        return result

    def undo(self):
        for tensor, value in self.first.values():
            tensor.copy_(value)

    def replay(self):
        """Runs the operations again; gives what each tensor that was met or made is now."""
        now = {key: tensor for key, (tensor, _) in self.first.items()}
        for func, args, kwargs, result in self.calls:
            read = tree_map_only(torch.Tensor, lambda t: now[id(t)], (args, kwargs))
            again = func(*read[0], **read[1])
            flat = torch.utils._pytree.tree_leaves(result)
            for old, new in zip(flat, torch.utils._pytree.tree_leaves(again), strict=True):
                if isinstance(old, torch.Tensor):
                    now.setdefault(id(old), new)
        return now


def record(work):
    """A `Capture` on the CPU; see `Recorded`."""
    recorded, generator = Recorded(), torch.default_generator.get_state()
    with recorded:
        results = work()
    recorded.undo()
    torch.default_generator.set_state(generator)

    def replay():
        now = recorded.replay()
        for result in results:
            result.copy_(now[id(result)])

    return replay, results
