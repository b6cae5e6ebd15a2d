"""``pyrovae plot``."""

from contextlib import suppress

from pyrovae.cli.errors import UnknownName
from pyrovae.cli.figures import FIGURES, draw_figures
from pyrovae.cli.saying import say
from pyrovae.cli.values import Folder, Place

__all__ = ["plot"]


def plot(
    run: Folder,
    *,
    only: list[str] | None = None,
    data: str | None = None,
    root: Place = None,
    averaged: bool = False,
    device: str = "auto",
    allow: list[str] | None = None,
) -> None:
    """Draw a run's figures again.

    Args:
        run: The run folder.
        only: A figure's name; give it again for another. All if left out; pyrovae list figures
            names them.
        data: File or folder of the data, if it has moved.
        root: Root of the data, if it has moved.
        averaged: Take the moving average of the weights that train --average kept.
        device: auto, cpu, cuda or mps.
        allow: A package whose classes the run may name; give it again for another.
    """
    for name in only or ():
        if name not in FIGURES:
            raise UnknownName("--only", "figure", name, FIGURES)

    from pyrovae.cli.pages.run import write_page
    from pyrovae.cli.runs import Run

    opened = Run(run, allow=allow or (), data=data, root=root)
    model = opened.model(device, averaged=averaged)
    for name in draw_figures(opened.figures, model, opened.data, opened.history(), only=only):
        say(str(opened.figures / name))
    if opened.page_file.is_file():
        with suppress(OSError, ValueError):  # without a report there is none, and resume makes it
            write_page(opened)
