"""``pyrovae list``."""

from pyrovae.cli.catalogue import KINDS, SLOT_OF, catalogue
from pyrovae.cli.errors import UnknownName
from pyrovae.cli.saying import say

__all__ = ["show"]


def show(what: str = "", /) -> None:
    """List the available choices, or a class's arguments.

    Args:
        what: A kind, such as priors, or a class, such as VampPrior. All kinds if left out.
    """
    if what in ("", *KINDS):
        for kind in [what] if what else KINDS:
            entries = catalogue(kind)
            if not what:
                say(f"{kind}: {', '.join(entries)}")
                continue
            width = max(map(len, entries)) + 2
            for name, text in entries.items():
                say(f"{name:{width}}{text}".rstrip())
        return
    slots = [slot for slot, kind in SLOT_OF.items() if what in catalogue(kind)]
    if "." in what:
        _show_class(what, list(SLOT_OF))
    elif slots:
        _show_class(what, slots[:1])
    else:
        known = [name for kind in KINDS for name in catalogue(kind)]
        raise UnknownName("list", "kind or class", what, [*KINDS, *known])


def _show_class(name: str, slots: list[str]) -> None:
    from pyrovae.cli.classes import asked_for
    from pyrovae.cli.help import class_help
    from pyrovae.cli.options import Typed
    from pyrovae.cli.own_classes import packages_of, reach
    from pyrovae.specifications import SLOTS, find_class

    allow = packages_of(Typed([name]))  # a class that is typed allows itself
    reach(allow)
    reasons = []
    for slot in slots:
        try:
            cls = find_class(name, SLOTS[slot], allow=allow)
        except ValueError as error:
            reasons.append(str(error).removeprefix(f"{slot}: "))
            continue
        say(class_help(f"--{slot}", cls, asked_for(cls, SLOTS[slot])))
        return
    if len(set(reasons)) > 1:  # it is there, and none of the slots' kinds
        reasons = [f"{name}: expected a class for one of {', '.join(slots)}"]
    raise ValueError(f"list: {reasons[0]}")
