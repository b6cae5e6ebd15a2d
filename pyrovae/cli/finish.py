"""What a run has beside its weights: the table of its history, report, figures and page."""

from typing import Any

from pyrovae.cli.figures import draw_figures
from pyrovae.cli.pages.run import has_page, run_page, write_page
from pyrovae.cli.reports import is_report_of, report_dict, sharpened
from pyrovae.cli.runs import Run
from pyrovae.cli.saying import say
from pyrovae.cli.splits import held_out
from pyrovae.datasets import Data
from pyrovae.evaluation import Report, evaluate
from pyrovae.ranks import alone, present
from pyrovae.training import History

__all__ = ["finish"]


def finish(run: Run, model: Any, data: Data, history: History, settings: dict[str, Any]) -> bool:
    """Writes what a trained run lacks, and says it.

    Args:
        run: The run, whose checkpoint is that of the last epoch.
        model: Its model, with the weights to report on.
        data: Its data.
        history: Its training.
        settings: Its options.

    Returns:
        Whether there was anything to write.
    """
    report = None
    ranks = present()
    if ranks.same(not _has_report(run, history)):
        split = held_out(data)
        report = evaluate(
            model,
            getattr(data, split),
            train=data.train if split != "train" else None,
            samples=settings["samples"],
        )
    if not ranks.is_first:
        return True
    with alone():
        return _write(run, model, data, history, settings, report)


def _write(
    run: Run,
    model: Any,
    data: Data,
    history: History,
    settings: dict[str, Any],
    report: Report | None,
) -> bool:
    loud = not settings["quiet"]
    wrote = False
    if not _has_table(run, history):
        history.save(run.history_file)
        wrote = True
    if not run.config_file.is_file():
        run.write_config(settings)
        wrote = True
    if report is not None:
        split = held_out(data)
        weights = run.weights()
        run.write_report(
            report_dict(report, model, data, split, history, settings, weights=weights)
        )
        wrote = True
        if loud:
            if history.stopped:
                say(f"stopped early: {history.stopped}")
            say(f"{data.name}, {split} data: {report}")
            for warning in sharpened(settings):
                say(f"warning: {warning}")
            say(f"{run.folder}: config.yaml, checkpoint.pt, history.csv, report.json")
    # The report, which is made first, is new where the figures are not of these weights.
    figures = list(draw_figures(run.figures, model, data, history, keep=not wrote))
    if figures and loud:
        say(f"{run.figures}: {', '.join(figures)}")
    lacks_page = not has_page(run)
    if lacks_page:
        write_page(run)
        if loud:
            say(f"{run.page_file}: all of it on a page")
    return wrote or bool(figures) or lacks_page


def _has_table(run: Run, history: History) -> bool:
    file, table = run.history_file, history.to_csv().encode()
    # By its size first: whatever lies there is read no further than a table of these rows is long.
    return file.is_file() and file.stat().st_size == len(table) and file.read_bytes() == table


def _has_report(run: Run, history: History) -> bool:
    try:
        run_page(run)  # which needs all that a report says
        return is_report_of(run.report(), run.weights(), history)
    except (OSError, ValueError):
        return False
