"""``pyrovae reconstruct``."""

from pyrovae.cli.values import Count, Folder, Place

__all__ = ["reconstruct"]


def reconstruct(
    run: Folder,
    *,
    n: Count = 10,
    draw: bool = False,
    out: Place = None,
    data: str | None = None,
    root: Place = None,
    averaged: bool = False,
    device: str = "auto",
    allow: list[str] | None = None,
) -> None:
    """Encode and decode data with a run's model.

    Args:
        run: The run folder.
        n: Number of data.
        draw: Draw pixels; else their means.
        out: A .png figure, a .npy array, or a .npz with an array for each data site. If left
            out: a figure in the run folder, or a .npz of several data sites.
        data: File or folder of the data, if it has moved.
        root: Root of the data, if it has moved.
        averaged: Take the moving average of the weights that train --average kept.
        device: auto, cpu, cuda or mps.
        allow: A package whose classes the run may name; give it again for another.
    """
    from pyrovae.cli.images import check_out, write_reconstructions
    from pyrovae.cli.runs import Run

    check_out(out, n)
    opened = Run(run, allow=allow or (), data=data, root=root)
    if opened.columns is not None:
        raise ValueError(
            f"{run}: the data are a table, which has no images; pyrovae impute fills its gaps"
        )
    model = opened.model(device, averaged=averaged)
    (x, *_) = opened.split().take(n)
    write_reconstructions(model, x, out, opened.folder, draw=draw)
