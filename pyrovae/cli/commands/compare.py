"""``pyrovae compare``."""

import sys
from typing import Annotated, Any

from pyrovae.cli.values import PathLike, Place

__all__ = ["compare"]


def compare(runs: Annotated[list[str], PathLike()], *, csv: Place = None) -> None:
    """Put several runs side by side in a table.

    Args:
        runs: Run folders.
        csv: Write the table here, too.
    """
    from pyrovae.cli.errors import UsageError
    from pyrovae.cli.runs import Run
    from pyrovae.cli.saying import printable, say, write_table

    if csv is not None and not csv.endswith(".csv"):
        raise UsageError("--csv", "a file name that ends in .csv", csv)
    rows, left_out = [], []
    for run in map(Run, runs):
        run.check()
        if not run.report_file.is_file():
            left_out.append(f"{run.folder}: left out, it has no report.json")
        elif run.has_stale_report():
            left_out.append(
                f"{run.folder}: left out, its report is of other weights than its checkpoint; "
                "run pyrovae evaluate first"
            )
        else:
            try:
                rows.append(_row(run.folder.name, run.report()))
            except (KeyError, TypeError, AttributeError) as error:
                reason = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
                raise ValueError(f"{run.report_file}: expected a report, but {reason}") from None
    if not rows:
        raise ValueError(
            "compare: expected runs with a report of their weights, found none: "
            + "; ".join(left_out)
        )
    for line in left_out:
        say(line, file=sys.stderr)
    if csv is not None:
        write_table(csv, rows)
    # One line a run, whatever a name holds.
    rows = [{name: printable(cell, lines=False) for name, cell in row.items()} for row in rows]
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
    for row in ({name: name for name in widths}, *rows):
        say("  ".join(row[name].ljust(width) for name, width in widths.items()).rstrip())
    protocols = {(row["data"], row["split"], row["binarization"]) for row in rows}
    if len(protocols) > 1:
        say(
            "these runs differ in data, split or binarization: their numbers do not compare",
            file=sys.stderr,
        )


def _row(name: str, report: dict[str, Any]) -> dict[str, str]:
    likelihood = report["log_likelihood"] or {}
    cells = {
        "run": name,
        "data": report["dataset"]["name"],
        "split": report["split"],
        "binarization": report["binarization"],
        "model": report["model"]["class"],
        "prior": report["model"]["prior"] or "none",
        "posterior": report["model"]["posterior"] or "none",
        "likelihood": report["model"]["likelihood"],
        "objective": report["model"]["objective"],
        "latents": report["model"]["latent_features"],
        "epochs": report["training"]["epochs"],
        "elbo": _number(report["elbo"]),
        "kl": _number(report["kl"]),
        "log_p": _number(likelihood.get("value")),
        "data_se": _number(likelihood.get("data_se")),
        "S": likelihood.get("samples", ""),
        "active": "+".join(str(n) for n in report["active_units"].values()),
    }
    return {column: str(cell) for column, cell in cells.items()}


def _number(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, int | float) else "undefined"
