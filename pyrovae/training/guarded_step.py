"""An optimizer's step, not taken where it would spoil the parameters, at little overhead."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, float32, no_grad
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["GuardedStep"]


class GuardedStep:
    """Lets an optimizer step unless the loss is NaN, so that the last good parameters stay.

    A fused optimizer on an accelerator is told by a flag on the device and nothing waits; another
    one there costs a wait for the loss.

    On the CPU the kernels that a fused optimizer calls (one or two for all parameters) are noted
    at one of its steps and called directly from then on: on a small network its Python takes as
    long as they do. The optimizer steps itself again whenever a hyperparameter, its state or the
    set of gradients is another one. Other optimizers always do.

    Args:
        optimizer: Any torch optimizer.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        # A class of a user's own may do more in its step than call kernels.
        torchs = type(optimizer).__module__.startswith("torch.optim")
        self._fused = torchs and all(group.get("fused") for group in optimizer.param_groups)
        self._kernels: list[_Kernel] | None = None
        self._noted: Any = None

    def __call__(self, loss: Tensor) -> None:
        """Steps.

        Args:
            loss: The loss of the gradients that the parameters hold, 0-dim.
        """
        optimizer = self.optimizer
        if loss.device.type != "cpu" and getattr(optimizer, "_step_supports_amp_scaling", False):
            optimizer.found_inf = loss.isnan().to(float32)  # type: ignore[attr-defined]
            try:
                optimizer.step()
            finally:
                del optimizer.found_inf  # type: ignore[attr-defined]
        elif not loss.isnan():
            hooks = optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks
            if self._fused and not hooks and loss.device.type == "cpu":
                self._step()
            else:
                optimizer.step()

    def _step(self) -> None:
        now = self._situation()
        if self._kernels is not None and now == self._noted:
            with no_grad():
                for kernel in self._kernels:
                    kernel.call()
            return
        with _Notes() as notes:
            self.optimizer.step()
        # The first step makes the state as well; what is noted must be in-place kernels alone.
        # They hold the tensors, so that no others can have their ids.
        self._kernels = notes.kernels(self._parameters())
        self._noted = now

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.optimizer.param_groups for p in group["params"]]

    def _situation(self) -> Any:
        """What the noted calls have been told, and what they hold on to."""
        groups = self.optimizer.param_groups
        told = [value for group in groups for name, value in group.items() if name != "params"]
        held = [id(tensor) for state in self.optimizer.state.values() for tensor in state.values()]
        parameters = [(id(p), p.grad is None) for p in self._parameters()]
        return [*told, *held, *parameters]


class _Kernel(NamedTuple):
    """A call with gradients in some of its places."""

    function: Callable[..., Any]
    arguments: list[Any]
    keywords: dict[str, Any]
    gradients: dict[int, list[Tensor]]

    def call(self) -> None:
        arguments = list(self.arguments)
        for place, parameters in self.gradients.items():
            arguments[place] = [parameter.grad for parameter in parameters]
        self.function(*arguments, **self.keywords)


class _Notes(TorchDispatchMode):
    """Notes the calls of a block."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func.namespace != "profiler":
            self.calls.append((func, args, kwargs))
        return func(*args, **kwargs)

    def kernels(self, parameters: list[Tensor]) -> list[_Kernel] | None:
        """The calls, or None unless all work in place on lists of tensors that last."""
        owners = {id(p.grad): p for p in parameters if p.grad is not None}
        found = []
        for function, arguments, keywords in self.calls:
            name = function._schema.name
            if not (name.startswith(("aten::_fused_", "aten::_foreach_")) and name.endswith("_")):
                return None
            places = {
                i: [owners[id(tensor)] for tensor in argument]
                for i, argument in enumerate(arguments)
                if isinstance(argument, list | tuple)
                and argument
                and all(id(tensor) in owners for tensor in argument)
            }
            kept = [None if i in places else argument for i, argument in enumerate(arguments)]
            found.append(_Kernel(function, kept, keywords, places))
        return found
