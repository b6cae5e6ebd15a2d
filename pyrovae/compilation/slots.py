"""What has taken the place of a module's tensors, and what runs beside their code."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn
from torch.nn.modules import module as all_modules

__all__ = ["Slots", "leaf_of", "modes_of"]

# By the numbers that torch gives to no two hooks of a process.
OF_ALL_MODULES = (
    all_modules._global_forward_pre_hooks,
    all_modules._global_forward_hooks,
    all_modules._global_backward_pre_hooks,
    all_modules._global_backward_hooks,
)
HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


def modes_of(modules: Iterable[nn.Module], parameters: Iterable[Tensor]) -> list[Any]:
    """What decides how modules run and is no number, beside their classes.

    Their modes and hooks, and forms of parameters. It keeps no module alive.
    """
    found: list[Any] = [tuple(hooks) for hooks in OF_ALL_MODULES]
    # Before each step: most modules and parameters have no hooks, and take no time for them.
    for module in modules:
        own = module.__dict__
        found.append(own["training"])
        found += [(name, *own[name]) for name in HOOKS if own[name]]
    for parameter in parameters:
        found += (parameter.requires_grad, parameter.shape, parameter.stride(), parameter.dtype)
        for hooks in (parameter._backward_hooks, parameter._post_accumulate_grad_hooks):
            if hooks:
                found.append(tuple(hooks))
    return found


def leaf_of(parameter: Tensor, value: Tensor) -> Tensor:
    """A leaf of a value that stands for a parameter: trained if that is, with the same hooks."""
    leaf = value.detach().requires_grad_(parameter.requires_grad)
    for hook in (parameter._backward_hooks or {}).values():
        leaf.register_hook(hook)
    return leaf


class Slots:
    """The places of a module's parameters and buffers, which compiled code reads as it met them.

    A parameter is to be the same one. A buffer may be replaced by one of the same form.

    Args:
        module: The module.
    """

    def __init__(self, module: nn.Module) -> None:
        parts = list(module.named_modules())
        self._parameters = [
            (part._parameters, name, parameter, f"{path}.{name}")
            for path, part in parts
            for name, parameter in part._parameters.items()
        ]
        self._buffers = [
            [part._buffers, name, buffer, _form_of(buffer), f"{path}.{name}"]
            for path, part in parts
            for name, buffer in part._buffers.items()
        ]

    def changed(self) -> list[str]:
        """Which tensors are there no more."""
        found = [
            f"parameter {path} is another one than it was"
            for holder, name, parameter, path in self._parameters
            if holder.get(name) is not parameter
        ]
        for slot in self._buffers:
            holder, name, buffer, form, path = slot
            now = holder.get(name)
            if now is buffer:
                continue
            if _form_of(now) != form:
                found.append(f"buffer {path} is of another shape, type or device than it was")
            slot[2] = now
        return found


def _form_of(tensor: Tensor | None) -> Any:
    if tensor is None:
        return None
    return tensor.shape, tensor.stride(), tensor.dtype, tensor.device
