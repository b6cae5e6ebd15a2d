"""``pyrovae encode``."""

from typing import Literal

from pyrovae.cli.values import Folder, Place, Seed

__all__ = ["encode"]


def encode(
    run: Folder,
    *,
    out: Place = None,
    moments: Literal["mean", "draws", "both"] = "mean",
    data: str | None = None,
    split: Literal["train", "validation", "test"] | None = None,
    seed: Seed = 0,
    root: Place = None,
    averaged: bool = False,
    device: str = "auto",
    allow: list[str] | None = None,
) -> None:
    """Write the codes of data: moments of each datum's posterior, or a draw from it.

    Args:
        run: The run folder.
        out: A .npy array, a .npz with an array for each latent site and moment, or a .csv table
            with a row a datum, or, of --data cells.h5ad, a .h5ad of the same with the codes in
            obsm["X_pyrovae"]. If left out: codes.npy in the run folder.
        moments: mean: the posterior's mean. draws: one draw from it. both: mean and standard
            deviation.
        data: Other data than the run's. All of a .npy or .npz file or of a table, in its order.
        split: Which of the data: those kept aside for the report, if left out.
        seed: Seed of the draws.
        root: Root of the data, if it has moved.
        averaged: Take the moving average of the weights that train --average kept.
        device: auto, cpu, cuda or mps.
        allow: A package whose classes the run may name; give it again for another.
    """
    from pyrovae.cli.codes import check_codes_file, write_codes
    from pyrovae.cli.runs import Run
    from pyrovae.evaluation import encode as encode_data
    from pyrovae.files import check_writable

    check_codes_file(out, data)
    opened = Run(run, allow=allow or (), data=data, root=root)
    path = out or str(opened.folder / "codes.npy")
    model = opened.model(device, averaged=averaged)
    check_writable(path)
    found = encode_data(model, opened.chosen(split), moments=moments, seed=seed)
    write_codes(found, path, data)
