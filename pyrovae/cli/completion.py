"""Scripts for shells, with what there is to complete written into them."""

from typing import Literal, get_args, get_origin

from pyrovae.cli.catalogue import KINDS, names_for
from pyrovae.cli.figures import FIGURES
from pyrovae.cli.main import COMMANDS, command
from pyrovae.cli.options import InSlot
from pyrovae.cli.signatures import Parameter, parameters

__all__ = ["script", "words"]

BASH = """\
_pyrovae() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
  local key=${{COMP_WORDS[1]}}
  [ "$COMP_CWORD" -eq 1 ] && key= prev=
  COMPREPLY=()
  case "$key $prev" in
{cases}
  esac
}}
complete -o default -F _pyrovae pyrovae
"""
CASE = "    {pattern}) COMPREPLY=($(compgen -W '{words}' -- \"$cur\")) ;;"
# zsh understands bash's scripts.
ZSH = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"


def words() -> dict[tuple[str, str], list[str]]:
    """What may follow: by command (empty for the first word) and the option before it."""
    follow: dict[tuple[str, str], list[str]] = {("", ""): list(COMMANDS)}
    for name in COMMANDS:
        known = parameters(command(name))
        options = [f"--{key}" for key, parameter in known.items() if not parameter.is_noun]
        for key, parameter in known.items():
            choices = _choices(name, parameter)
            if choices and parameter.is_noun:
                follow[name, name] = choices
            elif choices:
                follow[name, f"--{key}"] = choices
        follow[name, ""] = [*options, "--help"]
    return follow


def script(shell: str) -> str:
    """The script for a shell: bash, zsh or fish."""
    return _fish() if shell == "fish" else (ZSH if shell == "zsh" else "") + _bash()


def _choices(name: str, parameter: Parameter) -> list[str]:
    slot = parameter.marker(InSlot)
    if slot is not None:
        return names_for(slot.slot)
    if (name, parameter.name) == ("plot", "only"):
        return list(FIGURES)
    if (name, parameter.name) == ("list", "what"):
        return list(KINDS)
    members = [parameter.annotation, *get_args(parameter.annotation)]
    return [str(c) for m in members if get_origin(m) is Literal for c in get_args(m)]


def _bash() -> str:
    follow = words()
    # The particular before the general: a shell takes the first pattern that fits.
    exact = [(f'"{name} {option}"', found) for (name, option), found in follow.items() if option]
    general = [(f'"{n} "*', found) for (n, option), found in follow.items() if n and not option]
    first = [('" "', follow["", ""])]
    cases = [
        CASE.format(pattern=pattern, words=" ".join(found))
        for pattern, found in (*first, *exact, *general)
    ]
    return BASH.format(cases="\n".join(cases)).rstrip("\n")


def _fish() -> str:
    lines = [f"complete -c pyrovae -n __fish_use_subcommand -f -a '{' '.join(COMMANDS)}'"]
    for (name, option), found in words().items():
        seen = f"complete -c pyrovae -n '__fish_seen_subcommand_from {name}'"
        if name and not option:
            lines += [f"{seen} -l {word.removeprefix('--')}" for word in found]
        elif option.startswith("--"):
            lines.append(f"{seen} -l {option.removeprefix('--')} -x -a '{' '.join(found)}'")
        elif name:
            lines.append(f"{seen} -f -a '{' '.join(found)}'")
    return "\n".join(lines)
