"""``pyrovae impute``."""

from typing import Annotated

from pyrovae.cli.values import Count, Folder, Place, Seed, Within

__all__ = ["impute"]


def impute(
    run: Folder,
    *,
    data: Place = None,
    out: Place = None,
    draws: Annotated[int | None, Within(1, 10_000)] = None,
    samples: Count = 1000,
    seed: Seed = 0,
    averaged: bool = False,
    device: str = "auto",
    allow: list[str] | None = None,
) -> None:
    """Fill the gaps of a table with what a run's model makes of the rest of each row.

    Args:
        run: The run folder, of a model trained on a table with these columns.
        data: The table; the run's own if left out. Columns that the model does not know are
            passed on as they are.
        out: A .csv or .parquet file. If left out: imputed.csv in the run folder.
        draws: Draw the missing values, so many times: the tables stand below one another, numbered
            in a column "imputation". If left out: the mean of numbers, and the most probable of
            levels.
        samples: Draws S of the latents for each row, which are weighed by importance.
        seed: Seed of the draws.
        averaged: Take the moving average of the weights that train --average kept.
        device: auto, cpu, cuda or mps.
        allow: A package whose classes the run may name; give it again for another.
    """
    from pyrovae.cli.imputing import write_imputed
    from pyrovae.cli.runs import Run
    from pyrovae.cli.tables import check_table

    if out is not None:
        check_table(out)
    opened = Run(run, allow=allow or (), data=data)
    model = opened.model(device, averaged=averaged)
    target = out or str(opened.folder / "imputed.csv")
    write_imputed(opened, model, target, draws=draws, samples=samples, seed=seed)
