"""``pyrovae latents``."""

from typing import Literal

from pyrovae.cli.values import Count, Folder, Place, Seed

__all__ = ["latents"]


def latents(
    run: Folder,
    *,
    out: Place = None,
    drawn: Count = 1000,
    data: str | None = None,
    split: Literal["train", "validation", "test"] | None = None,
    seed: Seed = 0,
    root: Place = None,
    averaged: bool = False,
    device: str = "auto",
    allow: list[str] | None = None,
) -> None:
    """Say what the latents know of the data: KL of each variable, mutual information, and more.

    Args:
        run: The run folder.
        out: A .csv table with a row a variable, in nats. If left out: latents.csv in the run
            folder.
        drawn: How many of the data to draw from for mutual information and total correlation;
            the aggregated posterior is over all of them.
        data: Other data than the run's. All of a .npy or .npz file or of a table, in its order.
        split: Which of the data: those kept aside for the report, if left out.
        seed: Seed of the draws.
        root: Root of the data, if it has moved.
        averaged: Take the moving average of the weights that train --average kept.
        device: auto, cpu, cuda or mps.
        allow: A package whose classes the run may name; give it again for another.
    """
    from pyrovae.cli.errors import check_ending
    from pyrovae.cli.measures import write_variables
    from pyrovae.cli.runs import Run
    from pyrovae.cli.saying import say
    from pyrovae.evaluation import kl_decomposition, latent_variables
    from pyrovae.files import check_writable

    check_ending(out, ".csv")
    opened = Run(run, allow=allow or (), data=data, root=root)
    path = out or str(opened.folder / "latents.csv")
    model = opened.model(device, averaged=averaged)
    check_writable(path)
    chosen = opened.chosen(split)
    found = latent_variables(model, chosen, seed=seed)
    write_variables(path, found)
    for name, variables in found.items():
        active = f"{len(variables.active)} of {len(variables.variance or ())} active"
        say(f"KL by variable of {name}: {variables}; {active}")
    try:
        say(str(kl_decomposition(model, chosen, drawn=drawn, seed=seed)))
    except ValueError as error:  # which the model's latents may not have
        say(f"mutual information, marginal KL and total correlation are left out: {error}")
    say(path)
