"""``pyrovae disentangle``."""

from typing import Literal

from pyrovae.cli.values import Count, Folder, Place, Seed

__all__ = ["disentangle"]


def disentangle(
    run: Folder,
    *,
    factors: Place = None,
    categorical: tuple[int, ...] | None = None,
    bins: Count = 20,
    out: Place = None,
    data: str | None = None,
    split: Literal["train", "validation", "test"] | None = None,
    site: str | None = None,
    seed: Seed = 0,
    root: Place = None,
    averaged: bool = False,
    device: str = "auto",
    allow: list[str] | None = None,
) -> None:
    """Score how far each variable of the codes stands for one known factor of the data.

    Args:
        run: The run folder.
        factors: A .npy array of the factors' levels, integers with a row a datum, in the order of
            --data. Not needed for sprites, which keep theirs.
        categorical: The places of factors whose levels are in no order, such as [0]. If left out:
            the shape of sprites.
        bins: How many bins each variable is cut into, for MIG.
        out: A .json file. If left out: disentanglement.json in the run folder.
        data: Other data than the run's. All of a .npy or .npz file, in its order.
        split: Which of the data: those kept aside for the report, if left out.
        site: Which latent, of several.
        seed: Seed of the draws.
        root: Root of the data, if it has moved.
        averaged: Take the moving average of the weights that train --average kept.
        device: auto, cpu, cuda or mps.
        allow: A package whose classes the run may name; give it again for another.
    """
    from pyrovae.cli.errors import check_ending
    from pyrovae.cli.json_file import write_json
    from pyrovae.cli.measures import factors_of
    from pyrovae.cli.runs import Run
    from pyrovae.cli.saying import say
    from pyrovae.disentanglement import disentanglement_scores
    from pyrovae.evaluation import encode
    from pyrovae.files import check_writable
    from pyrovae.latent_space.codes import one_latent

    check_ending(out, ".json")
    opened = Run(run, allow=allow or (), data=data, root=root)
    path = out or str(opened.folder / "disentanglement.json")
    model = opened.model(device, averaged=averaged)
    check_writable(path)
    chosen = opened.chosen(split)
    levels, known = factors_of(chosen, factors)
    codes = one_latent(encode(model, chosen, seed=seed), site)
    scores = disentanglement_scores(
        codes,
        levels,
        categorical=known if categorical is None else categorical,
        bins=bins,
        seed=seed,
    )
    write_json(path, scores.to_dict() | {"data": opened.data.describe(), "codes": "means"})
    say(f"{scores}\n{path}")
