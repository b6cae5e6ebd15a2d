"""A run's model card in Markdown, for hubs."""

import re
from collections.abc import Iterator
from typing import Any

from pyrovae.cli.pages.card import facts, limits, use
from pyrovae.cli.reports import evidence_name, number, reading
from pyrovae.cli.runs import Run
from pyrovae.cli.saying import printable

__all__ = ["markdown_card"]

# What Markdown or HTML would take for more than text.
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")


def markdown_card(run: Run, *, averaged: bool = False) -> str:
    """What the card on a run's page says, with its numbers, as a hub's ``README.md``.

    Args:
        run: The run.
        averaged: Whether the card is of the moving average of the weights.

    Raises:
        FileNotFoundError: If the run has no report.
        ValueError: If its report does not read, or is of other weights.
    """
    report, options = run.report(), run.named()
    if report.get("weights") != run.weights(averaged=averaged):
        command = "pyrovae evaluate --averaged" if averaged else "pyrovae evaluate"
        raise ValueError(
            f"{run.report_file}: the report belongs to other weights; run {command} first"
        )
    with reading(run.report_file):
        return "\n".join(_lines(report, options["seed"])) + "\n"


def _lines(report: dict[str, Any], seed: Any) -> Iterator[str]:
    title = f"{report['model']['class']} of {report['dataset']['name']}"
    yield from ("---", "library_name: pyrovae", "tags:", "- variational-autoencoder", "- pyro")
    yield from ("---", "", f"# {_text(title)}", "")
    for name, value in facts(report, seed):
        yield f"- **{_text(name)}**: {_text(value)}"
    yield from ("", "## Numbers", "", "In nats per datum.", "")
    yield "| | |"
    yield "|---|---|"
    for name, value in _numbers(report):
        yield f"| {_text(name)} | {_text(value)} |"
    yield from ("", "## Intended use", "", _text(use(report)), "", "## Limits", "")
    for limit in limits(report):
        yield f"- {_text(limit)}"
    yield from ("", "## How to load it", "", "```python", "from pyrovae import load", "")
    yield from ('model = load("path/of/this/folder")', "x = model.sample(16)", "```")


def _numbers(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    likelihood = report["log_likelihood"]
    if likelihood is not None:
        what = evidence_name(report)
        if not report["is_density"]:
            what += ", no log-likelihood"
        yield f"{what}, {likelihood['samples']} draws", number(likelihood["value"])
        yield "standard error of the data", number(likelihood["data_se"])
        yield "ELBO", number(report["elbo"])
        yield "KL", number(report["kl"])
    yield "reconstruction", number(report["reconstruction"])


def _text(text: str) -> str:
    """Text that stands there as it is, in one line."""
    return SPECIAL.sub(r"\\\1", " ".join(printable(text, lines=False).split()))
