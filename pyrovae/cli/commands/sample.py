"""``pyrovae sample``."""

from pyrovae.cli.values import Count, Folder, Place, Seed

__all__ = ["sample"]


def sample(
    run: Folder,
    *,
    n: Count = 64,
    draw: bool = False,
    seed: Seed = 0,
    out: Place = None,
    data: str | None = None,
    root: Place = None,
    averaged: bool = False,
    device: str = "auto",
    allow: list[str] | None = None,
) -> None:
    """Generate data from a run's model, its own prior first.

    Args:
        run: The run folder.
        n: Number of data.
        draw: Draw pixels; else their means. Rows of a table are drawn in any case.
        seed: Seed of the draws.
        out: A .png figure, a .npy array, or a .npz with an array for each data site; of a
            table, a .csv or .parquet file. If left out: a figure in the run folder, a .npz of
            several data sites, or a table.
        data: File or folder of the data, if it has moved, for a prior that keeps some.
        root: Root of the data, likewise.
        averaged: Take the moving average of the weights that train --average kept.
        device: auto, cpu, cuda or mps.
        allow: A package whose classes the run may name; give it again for another.
    """
    from pyrovae.cli.images import check_out, write_samples
    from pyrovae.cli.runs import Run
    from pyrovae.cli.tables import check_table, is_table, write_synthetic

    if out is not None and not is_table(out):
        check_out(out, n)
    opened = Run(run, allow=allow or (), data=data, root=root)
    model = opened.model(device, averaged=averaged)
    if opened.columns is not None or (out is not None and is_table(out)):
        rows = out or str(opened.folder / "samples.csv")
        check_table(rows)
        write_synthetic(model, opened.table_columns(), n, rows, seed=seed)
    else:
        check_out(out, n)
        write_samples(model, n, out, opened.folder, draw=draw, seed=seed)
