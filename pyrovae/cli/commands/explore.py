"""``pyrovae explore``."""

from typing import Annotated, Literal

from pyrovae.cli.values import Folder, Place, Within

__all__ = ["explore"]


def explore(
    run: Folder,
    *,
    port: Annotated[int, Within(0, 65535)] = 8765,
    no_browser: bool = False,
    split: Literal["train", "validation", "test"] | None = None,
    data: str | None = None,
    root: Place = None,
    averaged: bool = False,
    device: str = "auto",
    allow: list[str] | None = None,
) -> None:
    """Explore a run's model in the browser: its latent map, sliders, drawings, paths and samples.

    The page is served to this machine alone, until Ctrl-C.

    Args:
        run: The run folder.
        port: The port of the page's address; 0 takes any that is free.
        no_browser: Print the address alone, and open no browser.
        split: Which of the data are on the map: those kept aside for the report, if left out.
        data: File or folder of the data, if it has moved.
        root: Root of the data, if it has moved.
        averaged: Take the moving average of the weights that train --average kept.
        device: auto, cpu, cuda or mps.
        allow: A package whose classes the run may name; give it again for another.
    """
    from importlib.util import find_spec

    lacking = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if lacking:
        raise ValueError(f"explore needs {', '.join(lacking)}: pip install 'pyrovae[explore]'")

    from pyrovae.cli.explore.server import application
    from pyrovae.cli.explore.serving import listen, serve
    from pyrovae.cli.runs import Run
    from pyrovae.explorer import Explorer

    opened = Run(run, allow=allow or (), data=data, root=root)
    model = opened.model(device, averaged=averaged)
    title = f"{type(model).__name__} of {opened.data.name}"
    with listen(port) as listener:
        explorer = Explorer(model, opened.data, opened.chosen(split), title=title)
        serve(
            lambda token, number: application(explorer, token=token, port=number),
            listener,
            browser=not no_browser,
        )
