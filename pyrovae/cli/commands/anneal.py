"""``pyrovae anneal``."""

from typing import Literal

from pyrovae.cli.values import Count, Folder, Place, Seed

__all__ = ["anneal"]


def anneal(
    run: Folder,
    *,
    first: Count = 100,
    chains: Count = 16,
    temperatures: Count = 1000,
    out: Place = None,
    data: str | None = None,
    split: Literal["train", "validation", "test"] | None = None,
    seed: Seed = 0,
    root: Place = None,
    averaged: bool = False,
    device: str = "auto",
    allow: list[str] | None = None,
) -> None:
    """Bound log p(x) without the guide: real data from below, simulated data from both sides.

    Args:
        run: The run folder.
        first: How many of the data, from the first on.
        chains: Chains for each datum.
        temperatures: Steps from the prior to the posterior: more are slower and tighter.
        out: A .csv table with a row a datum, in nats. If left out: annealed.csv in the run folder.
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
    from pyrovae.datasets.first import First
    from pyrovae.evaluation import annealed_log_likelihood, bidirectional
    from pyrovae.files import check_writable

    check_ending(out, ".csv")
    opened = Run(run, allow=allow or (), data=data, root=root)
    path = out or str(opened.folder / "annealed.csv")
    model = opened.model(device, averaged=averaged)
    check_writable(path)
    chosen = First(opened.chosen(split), first)
    bound = annealed_log_likelihood(
        model, chosen, chains=chains, temperatures=temperatures, seed=seed
    )
    say(f"binarization {chosen.binarization}; {bound}")
    sandwich = bidirectional(model, chosen, chains=chains, temperatures=temperatures, seed=seed)
    say(str(sandwich))
    columns = {
        "log_likelihood": bound.value,
        "mc_se": bound.mc_se,
        "ess": bound.ess,
        "acceptance": bound.acceptance,
        "simulated_lower": sandwich.lower.value,
        "simulated_upper": sandwich.upper.value,
    }
    defined = {name: value.tolist() for name, value in columns.items() if value is not None}
    write_columns(path, defined)
    say(f"{path}: {len(bound)} data")
