"""The base of every part a model is put together from: it remembers how it was made."""

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from pyrovae.declared import Declared
from pyrovae.stage import on_stage

__all__ = ["Component"]


def _remember(value: Any) -> Any:
    """Copies an argument for the record; of a tensor only the shape and dtype.

    A tensor's values either become parameters or buffers, which the state dict holds, or are
    not needed again: keeping a whole training set alive for the record would waste memory.
    """
    if isinstance(value, Tensor):
        return value.detach().to("meta")
    # Copied, because the caller may go on to change a list; and exact types, because a named
    # tuple is not made as a tuple is.
    if type(value) in (list, tuple):
        return type(value)(_remember(item) for item in value)
    if type(value) is dict:
        return {key: _remember(item) for key, item in value.items()}
    return value


class Component(Declared, nn.Module):
    """A module that records its constructor's arguments, so that it can be saved and rebuilt.

    Networks, priors, posteriors, likelihoods and models derive from it. Nothing has to be
    registered: a subclass only has to pass to `torch.nn.Module.__init__`, as any module does.

    Attributes:
        init_args: The arguments the instance was made with, by name, without those left at
            their defaults. Tensors are recorded as meta tensors (shape and dtype).
        positive_buffers: Names of the class's own buffers that are finite numbers above 0: a file
            may give them no others.
        nonnegative_buffers: Likewise, of those of at least 0.
        constant_buffers: Likewise, of those that are as the constructor gives them.
    """

    init_args: dict[str, Any]
    positive_buffers: ClassVar[tuple[str, ...]] = ()
    nonnegative_buffers: ClassVar[tuple[str, ...]] = ()
    constant_buffers: ClassVar[tuple[str, ...]] = ()
    # Constructors draw first weights, which in another thread would be training's random numbers.
    _around = staticmethod(on_stage)

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Makes the instance and notes the arguments that ``__init__`` is about to get."""
        self = super().__new__(cls)
        # bind_partial: copying makes instances without arguments and fills them in afterwards,
        # and a missing argument is for __init__ to complain about.
        bound = inspect.signature(cls.__init__).bind_partial(self, *args, **kwargs)
        variadic = {
            parameter.name: parameter.kind
            for parameter in bound.signature.parameters.values()
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        }
        named = dict(list(bound.arguments.items())[1:])
        for name, kind in variadic.items():
            if kind == inspect.Parameter.VAR_KEYWORD:
                named |= named.pop(name, {})
        # nn.Module.__setattr__ works only after Module.__init__, which has not run yet.
        self.__dict__["init_args"] = {name: _remember(value) for name, value in named.items()}
        return self

    @classmethod
    def known_within(
        cls, argument: str, part: Any, options: Mapping[str, Any], known: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Says what is known to a part that is made by name for an argument of this class.

        Args:
            argument: The argument.
            part: The part's class.
            options: The arguments that the part is given; for a part of its own kind among them
                what that one says of its network, as `Likelihood.network_shape` takes it.
            known: What is known to this class itself (shapes, networks, other parts), by the names of
                the arguments they are for.
        """
        return known

    def extra_repr(self) -> str:
        """The arguments that are not modules or tensors, for the printed form."""
        shown = {k: v for k, v in self.init_args.items() if not isinstance(v, nn.Module | Tensor)}
        return ", ".join(f"{name}={value!r}" for name, value in shown.items())

    @property
    def device(self) -> torch.device:
        """The device of the parameters (the CPU where there are none)."""
        tensor = next(self.parameters(), next(self.buffers(), torch.empty(0)))
        return tensor.device
