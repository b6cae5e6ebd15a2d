"""Compiled programs of a module, for the next call that needs the same one."""

import weakref
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from pyrovae.compilation.code import read_by_code
from pyrovae.compilation.machine import settings
from pyrovae.compilation.numbers import Numbers, same_values
from pyrovae.compilation.slots import modes_of

__all__ = ["Keeping", "Kept", "Made", "form_of"]

MOST = 8  # programs of a module; those that were not asked for the longest leave first


class Keeping(NamedTuple):
    """Where a program is kept, and as what.

    Attributes:
        owner: The object with which the program is freed.
        what: Which function of the owner it is, beside what `Made` sees of it.
    """

    owner: Any
    what: Hashable


class Made:
    """What a program was made for; nothing here keeps a module alive.

    Args:
        what: Which function it is.
        module: The module, whose parts are to be the very same objects, in the same modes.
        names: Where the graph's inputs are in the module.
        inputs: The inputs, of which shapes, strides, types and devices are looked at.
        numbers: The numbers that a graph keeps.
    """

    def __init__(
        self,
        what: Hashable,
        module: nn.Module,
        names: Sequence[Hashable],
        inputs: Sequence[Tensor],
        numbers: Numbers,
    ) -> None:
        parts = list(module.modules())
        self._plain = (
            what,
            tuple(names),
            form_of(inputs),
            modes_of(parts, module.parameters()),
            settings(inputs[0].device if inputs else torch.device("cpu")),
        )
        # Without the first, the module itself, which may stand for the owner. A class may close
        # over a module, too.
        self._parts: list[weakref.ref[Any]] = [weakref.ref(part) for part in parts[1:]]
        self._parts += [weakref.ref(type(part)) for part in parts]
        self._values = numbers.values()
        # A comparison on one batch need not show what is another number on the next.
        self._code = read_by_code(numbers.met())

    def is_as(self, other: "Made") -> bool:
        """Whether a program that was made for the one is one for the other."""
        return (
            self._plain == other._plain
            and len(self._parts) == len(other._parts)
            and all(
                a() is not None and a() is b()
                for a, b in zip(self._parts, other._parts, strict=True)
            )
            and same_values(self._values, other._values)
            and same_values(self._code, other._code)
        )


class Kept:
    """A compiled program, with the tensors that it closes over.

    Args:
        made: What it was made for.
        run: The program.
        constants: The tensors, which are read anew at each call.
        attributes: Those in attributes, by path: an attribute may be given another tensor.
    """

    def __init__(
        self,
        made: Made,
        run: Callable[..., Any],
        constants: Sequence[Tensor],
        attributes: Mapping[str, Tensor],
    ) -> None:
        self.run, self.constants = run, list(constants)
        self._made = made
        own = {id(constant) for constant in constants}
        self._places = {path: t for path, t in attributes.items() if id(t) in own}

    def serves(self, made: Made, attributes: Mapping[str, Tensor]) -> bool:
        """Whether it is the program that is asked for."""
        same = all(attributes.get(path) is tensor for path, tensor in self._places.items())
        return same and self._made.is_as(made)

    @staticmethod
    def find(keeping: Keeping, made: Made, attributes: Mapping[str, Tensor]) -> "Kept | None":
        """The owner's program that serves, if there is one."""
        own = _programs.get(keeping.owner, [])
        found = next((kept for kept in own if kept.serves(made, attributes)), None)
        if found is not None:
            found.drop(keeping)
            own.append(found)
        return found

    def keep(self, keeping: Keeping) -> None:
        """Keeps it for as long as the owner lives, or until there are more recent ones."""
        own = _programs.setdefault(keeping.owner, [])
        own.append(self)
        del own[:-MOST]

    def drop(self, keeping: Keeping) -> None:
        """Keeps it no longer."""
        with suppress(ValueError):  # another thread has dropped it
            _programs.get(keeping.owner, []).remove(self)


# By identity of the owner, as modules compare; weak, and outside of the owner, of which copies,
# pickles and checkpoints are to have nothing of this.
_programs: weakref.WeakKeyDictionary[Any, list[Kept]] = weakref.WeakKeyDictionary()


def form_of(tensors: Sequence[Tensor]) -> tuple[Any, ...]:
    """What compiled code is told of its inputs and does not look at again."""
    seen: dict[int, int] = {}
    sharing = [seen.setdefault(t.untyped_storage().data_ptr(), i) for i, t in enumerate(tensors)]
    kinds = [(t.shape, t.stride(), t.dtype, t.device, t.requires_grad) for t in tensors]
    return (*kinds, *sharing)
