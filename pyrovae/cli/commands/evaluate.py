"""``pyrovae evaluate``."""

import sys
from contextlib import suppress
from typing import Literal

from pyrovae.cli.values import Count, Folder, Place, Seed

__all__ = ["evaluate"]


def evaluate(
    run: Folder,
    *,
    samples: Count = 1000,
    split: Literal["train", "validation", "test"] = "test",
    seed: Seed = 0,
    data: str | None = None,
    root: Place = None,
    wider: float | None = None,
    averaged: bool = False,
    device: str = "auto",
    allow: list[str] | None = None,
) -> None:
    """Report on a run's model: bounds, log-likelihood with its errors, latents.

    Args:
        run: The run folder.
        samples: Draws S for each datum.
        split: Which of its data.
        seed: Seed of the draws.
        data: File or folder of the data, if it has moved.
        root: Root of the data, if it has moved.
        wider: Take log p(x) from a guide with scales so many times as large, such as 1.5.
        averaged: Take the moving average of the weights that train --average kept.
        device: auto, cpu, cuda or mps.
        allow: A package whose classes the run may name; give it again for another.
    """
    from pyrovae import evaluate as evaluate_model
    from pyrovae.cli.pages.run import write_page
    from pyrovae.cli.reports import report_dict, sharpened
    from pyrovae.cli.runs import Run
    from pyrovae.cli.saying import say
    from pyrovae.cli.several import is_first

    opened = Run(run, allow=allow or (), data=data, root=root)
    model = opened.model(device, averaged=averaged)
    chosen = opened.split(split)
    train = None if split == "train" else opened.data.train
    report = evaluate_model(model, chosen, train=train, samples=samples, seed=seed, wider=wider)
    say(f"{opened.data.name}, {split} data: {report}")
    for warning in sharpened(opened.named()):
        say(f"warning: {warning}")
    if not is_first():
        return
    with suppress(ValueError):  # what is no report is replaced, too
        if opened.has_stale_report():
            say(f"{opened.report_file}: it was of other weights, and is replaced", file=sys.stderr)
    told = report_dict(
        report,
        model,
        opened.data,
        split,
        opened.history(),
        opened.named(),
        weights=opened.weights(averaged=averaged),
        averaged=averaged,
    )
    opened.write_report(told)
    write_page(opened)
