"""``pyrovae score``."""

from typing import Literal

from pyrovae.cli.values import Count, Folder, Place, Seed

__all__ = ["score"]


def score(
    run: Folder,
    *,
    out: Place = None,
    samples: Count = 1000,
    data: str | None = None,
    split: Literal["train", "validation", "test"] | None = None,
    seed: Seed = 0,
    root: Place = None,
    averaged: bool = False,
    device: str = "auto",
    allow: list[str] | None = None,
) -> None:
    """Score each datum: bound, reconstruction, KL, log p(x) with its error and ESS.

    Args:
        run: The run folder.
        out: A .csv table with a row a datum, in nats. If left out: scores.csv in the run folder.
        samples: Draws S for each datum.
        data: Other data than the run's. All of a .npy or .npz file or of a table, in its order.
        split: Which of the data: those kept aside for the report, if left out.
        seed: Seed of the draws.
        root: Root of the data, if it has moved.
        averaged: Take the moving average of the weights that train --average kept.
        device: auto, cpu, cuda or mps.
        allow: A package whose classes the run may name; give it again for another.
    """
    from pyrovae.cli.errors import check_ending
    from pyrovae.cli.runs import Run
    from pyrovae.cli.saying import say, write_columns
    from pyrovae.cli.several import is_first
    from pyrovae.evaluation import score as score_data
    from pyrovae.evaluation.report import kind_of_number
    from pyrovae.files import check_writable

    check_ending(out, ".csv")
    opened = Run(run, allow=allow or (), data=data, root=root)
    path = out or str(opened.folder / "scores.csv")
    model = opened.model(device, averaged=averaged)
    check_writable(path)
    scores = score_data(model, opened.chosen(split), samples=samples, seed=seed)
    if not is_first():
        return
    columns = {name: column.tolist() for name, column in scores.columns.items()}
    write_columns(path, columns)
    what = kind_of_number(is_density=scores.is_density, is_bound=scores.is_bound)
    say(
        f"{path}: {len(scores)} data, binarization {scores.binarization}; nats, S = "
        f"{scores.samples}; {scores.undefined or what}"
    )
