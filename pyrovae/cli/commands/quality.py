"""``pyrovae quality``."""

from typing import Literal

from pyrovae.cli.values import Count, Folder, Place, Seed

__all__ = ["quality"]


def quality(
    run: Folder,
    *,
    features: Place = None,
    weights: Place = None,
    n: Count | None = None,
    draw: bool = False,
    out: Place = None,
    data: str | None = None,
    split: Literal["train", "validation", "test"] | None = None,
    seed: Seed = 0,
    root: Place = None,
    averaged: bool = False,
    device: str = "auto",
    allow: list[str] | None = None,
) -> None:
    """Compare samples with data: precision, recall, density, coverage and the Frechet distance.

    Args:
        run: The run folder.
        features: In whose features: inception, of which the Frechet distance is the FID, or another
            run folder, of whose encoder. Numbers of different features do not compare.
        weights: The file of inception's weights, which are downloaded if left out.
        n: Number of samples; as many as data, if left out.
        draw: Draw pixels; else their means.
        out: A .json file. If left out: quality.json in the run folder.
        data: Other data than the run's. All of a .npy or .npz file or of a table, in its order.
        split: Which of the data: those kept aside for the report, if left out.
        seed: Seed of the samples.
        root: Root of the data, if it has moved.
        averaged: Take the moving average of the weights that train --average kept.
        device: auto, cpu, cuda or mps.
        allow: A package whose classes the run may name; give it again for another.
    """
    from pyrovae.cli.errors import UsageError, check_ending
    from pyrovae.cli.json_file import write_json
    from pyrovae.cli.measures import encoder_of, samples_of
    from pyrovae.cli.runs import Run
    from pyrovae.cli.saying import say
    from pyrovae.files import check_writable
    from pyrovae.sample_quality import (
        density_coverage,
        frechet_distance,
        inception,
        precision_recall,
    )

    check_ending(out, ".json")
    if features is None:
        raise UsageError("--features", "inception, or a run folder whose encoder computes them")
    if weights is not None and features != "inception":
        raise UsageError("--weights", "none unless --features is inception", weights)
    opened = Run(run, allow=allow or (), data=data, root=root)
    path = out or str(opened.folder / "quality.json")
    model = opened.model(device, averaged=averaged)
    check_writable(path)
    if features == "inception":
        network = inception(weights)
    else:
        network = encoder_of(Run(features, allow=allow or ()), device)
    chosen = opened.chosen(split)
    number = len(chosen) if n is None else n
    real, generated = (
        network(chosen, seed=seed),
        network(samples_of(model, number, draw=draw, seed=seed)),
    )
    found = {
        "precision_recall": precision_recall(real, generated),
        "density_coverage": density_coverage(real, generated),
        "frechet_distance": frechet_distance(real, generated),
    }
    kind = "draws" if draw else "means"
    write_json(path, {**found, "samples": kind, "binarization": chosen.binarization})
    what = f"samples are {kind} of pixels; data have binarization {chosen.binarization}"
    say("\n".join([*map(str, found.values()), what, path]))
