"""The number of tensors that a program takes."""

import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["binds", "check_taken", "tensors_taken"]


def tensors_taken(program: Callable[..., Any]) -> int | None:
    """Returns the number of tensors that a program takes, or ``None`` for any number."""
    parameters = inspect.signature(program).parameters.values()
    if any(parameter.kind == parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(parameter.kind in positional for parameter in parameters)


def check_taken(program: Callable[..., Any], batch: tuple[Any, ...]) -> None:
    """Checks that a program takes as many tensors as a batch has.

    Raises:
        ValueError: If it does not.
    """
    if not binds(program, batch):
        names = f"({', '.join(inspect.signature(program).parameters)})"
        number = "one tensor" if len(batch) == 1 else f"{len(batch)} tensors"
        raise ValueError(
            f"expected batches with the tensors {names} that the model takes, got {number} in "
            "each (data.with_labels() puts labels into the batches)"
        )


def binds(program: Callable[..., Any], batch: tuple[Any, ...]) -> bool:
    """Whether a program can be called with the tensors of a batch."""
    try:
        inspect.signature(program).bind(*batch)
    except TypeError:
        return False
    return True
