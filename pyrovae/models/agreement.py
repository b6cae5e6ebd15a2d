"""Checks that the parts of a model agree on a shape."""

from typing import Any

__all__ = ["check_agreement"]


def check_agreement(what: str, shapes: dict[str, Any]) -> None:
    """Compares the shapes that the parts of a model declare.

    Args:
        what: What has these shapes, for the error message.
        shapes: Shapes by part; ``None`` for a part that declares none.

    Raises:
        ValueError: If two of them differ. The message names the parts.
    """
    declared = {part: tuple(shape) for part, shape in shapes.items() if shape is not None}
    if len(set(declared.values())) > 1:
        listed = ", ".join(f"{part} {shape}" for part, shape in declared.items())
        raise ValueError(f"the parts expect different shapes of one {what}: {listed}")
