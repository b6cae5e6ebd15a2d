"""``pyrovae evaluate``."""

import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from pyrovae.cli.values import Count, Folder, Place, Seed

if TYPE_CHECKING:
    from pyrovae.cli.runs import Run

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
    """Evaluate a run's model and replace its report.json: bounds, log-likelihood, latents.

    Args:
        run: The run folder.
        samples: Draws S for each datum.
        split: Which of its data.
        seed: Seed of the draws.
        data: File or folder of the data, if it has moved.
        root: Root of the data, if it has moved.
        wider: Estimate log p(x) with the guide's scales multiplied by this factor, for example 1.5.
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
    replaced = _replaced(opened)
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
    say(f"{opened.report_file}, {opened.page_file.name}: {split} data, S = {samples}{replaced}")


def _replaced(run: "Run") -> str:
    """What a new report takes the place of: more draws may have been the work of hours."""
    try:
        old = run.report()
    except FileNotFoundError:
        return ""
    except ValueError:
        return ", in place of a file that was no report"
    evidence = old.get("log_likelihood")
    draws = f", S = {evidence.get('samples')}" if isinstance(evidence, dict) else ""
    return f", in place of a report of {old.get('split')} data{draws}"
