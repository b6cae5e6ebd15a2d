"""What a function or a class takes, read from its signature and its docstring."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

__all__ = [
    "REQUIRED",
    "Parameter",
    "class_parameters",
    "described",
    "parameters",
    "plain_text",
    "summary",
]

T = TypeVar("T")

REQUIRED = inspect.Parameter.empty
NAMED = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Attributes:
        name: Its name.
        annotation: Its type, without ``Annotated``.
        default: Its default, or ``REQUIRED``.
        help: What the docstring says of it, in one line.
        markers: What ``Annotated`` says beside the type.
        is_noun: Whether a command line gives it by its place and not by its name.
    """

    name: str
    annotation: Any
    default: Any
    help: str = ""
    markers: tuple[Any, ...] = ()
    is_noun: bool = False

    def marker(self, kind: type[T]) -> T | None:
        """The marker of a kind, where there is one."""
        return next((marker for marker in self.markers if isinstance(marker, kind)), None)


def parameters(function: Callable[..., Any]) -> dict[str, Parameter]:
    """The parameters of a function by name, in order.

    One without a default, or that can be given by its place alone, is a noun.
    """
    try:
        hints: Mapping[str, Any] = get_type_hints(function, include_extras=True)
    except NameError:  # a name that only the type checker sees
        hints = {}
    says = described(inspect.getdoc(function) or "")
    read = {}
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in NAMED:
            continue
        annotation = hints.get(parameter.name, _like(parameter.default))
        markers: tuple[Any, ...] = ()
        if get_origin(annotation) is Annotated:
            annotation, *rest = get_args(annotation)
            markers = tuple(rest)
        read[parameter.name] = Parameter(
            parameter.name,
            annotation,
            parameter.default,
            plain_text(says.get(parameter.name, "")),
            markers,
            parameter.default is REQUIRED or parameter.kind == parameter.POSITIONAL_ONLY,
        )
    return read


def class_parameters(cls: type) -> dict[str, Parameter]:
    """A constructor's parameters by name, those that it passes on to its base's included."""
    from pyrovae.specifications import parameters_of  # loads torch

    says: dict[str, str] = {}
    for base in cls.__mro__:
        says = described(inspect.getdoc(base) or "") | says
    found = {}
    for name, parameter in parameters_of(cls).items():
        annotation, default = parameter.annotation, parameter.default
        if annotation is parameter.empty or isinstance(annotation, str):
            annotation = _like(default)
        found[name] = Parameter(name, annotation, default, plain_text(says.get(name, "")))
    return found


def summary(documented: Any) -> str:
    """The first sentence of a docstring, in one line."""
    first = (inspect.getdoc(documented) or "").split("\n\n")[0]
    return " ".join(first.split())


def described(text: str) -> dict[str, str]:
    """What a Google-style docstring says of each argument, each in one line."""
    found = re.search(r"^Args:\n((?:[ \t]+\S.*\n?|\s*\n)*)", inspect.cleandoc(text), re.MULTILINE)
    says: dict[str, str] = {}
    name = ""
    for line in found[1].splitlines() if found else ():
        head = re.match(r"    (\w+)(?: \(.*?\))?: *(.*)", line)
        if head:
            name = head[1]
            says[name] = head[2]
        elif name and line.strip():
            says[name] += f" {line.strip()}"
    return says


def _like(default: Any) -> Any:
    """The type of a parameter that says none: that of its default, where it tells."""
    if type(default) in (int, float):
        return int | float
    return type(default) if type(default) in (bool, str) else Any


#: TeX commands that are not read by their names.
_TEX = {"mid": "|", "sim": "~", "leq": "<=", "le": "<=", "geq": ">=", "ge": ">=", "dots": "..."}


def plain_text(text: str) -> str:
    """Returns the text of a docstring without roles, backquotes and TeX commands."""
    text = re.sub(r":math:`([^`]*)`", lambda found: _plain_math(found[1]), text)
    return re.sub(r":\w+:`([^`]*)`", r"\1", text).replace("``", "").replace("`", "")


def _plain_math(tex: str) -> str:
    tex = re.sub(r"\\frac *\{([^{}]*)\} *\{([^{}]*)\}", _fraction, tex)
    tex = re.sub(r"\\([A-Za-z]+)", lambda found: _TEX.get(found[1], found[1]), tex)
    return " ".join(re.sub(r"\\[,;:! ]", " ", tex).replace("\\", "").split())


def _fraction(found: re.Match[str]) -> str:
    return " / ".join(f"({part})" if " " in part else part for part in found.groups())
