"""Whether the parts of a model agree on a shape."""

from typing import Any

__all__ = ["check_agreement"]


def check_agreement(what: str, shapes: dict[str, Any]) -> None:
    """Compares the shapes that the parts of a model declare.

    Args:
        what: What they are the shapes of, for the message.
        shapes: By part; ``None`` where a part does not declare it.

    Raises:
        ValueError: If two of them differ. The parts are named.
    """
    declared = {part: tuple(shape) for part, shape in shapes.items() if shape is not None}
    if len(set(declared.values())) > 1:
        listed = ", ".join(f"{part} {shape}" for part, shape in declared.items())
        raise ValueError(f"the parts expect different shapes of one {what}: {listed}")
