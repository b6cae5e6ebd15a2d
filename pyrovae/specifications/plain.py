"""Plain values: what a file from somebody else may hold beside tensors."""

from typing import TypeAlias

__all__ = ["PLAIN_TYPES", "Plain", "check_plain", "shown"]

Plain: TypeAlias = "bool | int | float | str | None | list[Plain] | dict[str, Plain]"
PLAIN_TYPES = (bool, int, float, str, type(None))

# Far above what any model is described by, far below what takes time or memory.
MOST_VALUES = 100_000
DEEPEST = 32
LONGEST = 1_000_000  # characters of a text


def shown(value: object) -> str:
    """A value for a message, in one line of bounded length, whatever is in it."""
    text = repr(value) if type(value) in PLAIN_TYPES else str(type(value).__name__)
    return text if len(text) <= 80 else f"{text[:77]}..."


def check_plain(value: object, where: str) -> None:
    """Looks whether something is a plain value, and not too large or too deep to go through.

    Numbers, texts, ``None``, and lists and mappings of them with texts as keys. A value that
    contains itself is too deep, and one that repeats a part without end (as aliases in YAML do)
    too large.

    Args:
        value: What a file held.
        where: What it is called in the message.

    Raises:
        ValueError: If it is something else. The place is named.
    """
    left = MOST_VALUES

    def visit(value: object, place: str, depth: int) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise ValueError(f"{where}: expected at most {MOST_VALUES} values")
        if depth > DEEPEST:
            raise ValueError(f"{where}: expected values nested at most {DEEPEST} deep")
        # By type and not by instance: a subclass may be anything.
        if type(value) in PLAIN_TYPES:
            if isinstance(value, str) and len(value) > LONGEST:
                raise ValueError(f"{place}: expected a string of at most {LONGEST} characters")
        elif type(value) in (list, tuple):
            for i, item in enumerate(value):  # type: ignore[arg-type,var-annotated]
                visit(item, f"{place}[{i}]", depth + 1)
        elif type(value) is dict:
            for key, item in value.items():
                if type(key) is not str:
                    raise ValueError(
                        f"{place}: expected strings as keys, got {type(key).__name__}"
                    )
                name = key if key.isidentifier() and len(key) < 60 else shown(key)
                visit(item, f"{place}.{name}" if len(place) < 200 else place, depth + 1)
        else:
            raise ValueError(
                f"{place}: expected numbers, strings, lists or mappings, got "
                f"{type(value).__name__}"
            )

    visit(value, where, 0)
