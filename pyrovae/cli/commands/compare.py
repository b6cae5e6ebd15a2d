"""``pyrovae compare``."""

import sys
from typing import Annotated, Any

from pyrovae.cli.values import PathLike, Place

__all__ = ["compare"]


def compare(
    runs: Annotated[list[str], PathLike()], *, csv: Place = None, html: Place = None
) -> None:
    """Put several runs side by side in a table, and on a page.

    Args:
        runs: Run folders.
        csv: Write the table here, too.
        html: Write a page here, with error bars and the differences in configuration.
    """
    from pyrovae.cli.errors import UsageError
    from pyrovae.cli.pages.comparison import comparison_page
    from pyrovae.cli.reports import reading
    from pyrovae.cli.runs import Run
    from pyrovae.cli.saying import printable, say, write_table
    from pyrovae.files import atomic

    for option, file in (("csv", csv), ("html", html)):
        if file is not None and not file.endswith(f".{option}"):
            raise UsageError(f"--{option}", f"a file name that ends in .{option}", file)
    compared, rows, left_out = [], [], []
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
            report = run.report()
            with reading(run.report_file):
                rows.append(_row(run.folder.name, report))
            compared.append(run)
    if not rows:
        raise ValueError(
            "compare: expected runs with a report of their weights, found none: "
            + "; ".join(left_out)
        )
    for line in left_out:
        say(line, file=sys.stderr)
    if html is not None:
        page = comparison_page(compared)
        with atomic(html) as temporary:
            temporary.write_text(page, encoding="utf-8")
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
    from pyrovae.cli.reports import number

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
        "elbo": number(report["elbo"]),
        "kl": number(report["kl"]),
        "log_p": number(likelihood.get("value")),
        "data_se": number(likelihood.get("data_se")),
        "S": likelihood.get("samples", ""),
        "active": "+".join(str(n) for n in report["active_units"].values()),
    }
    return {column: str(cell) for column, cell in cells.items()}
