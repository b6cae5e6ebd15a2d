"""The page of several runs: their numbers with errors, and in what the runs differ."""

from collections.abc import Iterator, Sequence
from math import hypot
from typing import Any

from pyrovae.cli.pages.intervals import Interval, intervals
from pyrovae.cli.pages.markup import Markup, document, section, table, tag
from pyrovae.cli.pages.numbers import errors_of
from pyrovae.cli.pages.options import differences
from pyrovae.cli.pages.pictures import gallery, pictures
from pyrovae.cli.reports import evidence_name, number, reading
from pyrovae.cli.runs import Run

__all__ = ["comparison_page"]

ERRORS = (
    "A bar is two standard errors to either side, of data and draws together. Runs on the same data "
    "share what is easy and hard in them: the difference of two runs is known better than their "
    "bars say. What another seed would change is in none of them."
)


def comparison_page(runs: Sequence[Run]) -> str:
    """The page of runs that have a report.

    Raises:
        ValueError: If a report or a checkpoint does not read.
    """
    names = _names(runs)
    rows: list[list[str]] = []
    groups: dict[str, list[Interval]] = {}
    for run, name in zip(runs, names, strict=True):
        report = run.report()
        with reading(run.report_file):
            rows.append(_row(name, report))
            groups.setdefault(_protocol(report), []).append(_interval(name, report))
    differing = differences([run.named() for run in runs])
    parts = [
        section("Numbers", *_plots(groups), tag("p", ERRORS, class_="faint"), _table(rows)),
        section("Differences in configuration", _differing(names, differing)),
        *_figures("Samples", "samples", runs, names),
        *_figures("Reconstructions", "reconstructions", runs, names),
    ]
    lead = f"{len(runs)} runs, {len(differing)} options in which they differ."
    return document("Comparison of runs", tag("p", lead, class_="lead"), *parts)


def _names(runs: Sequence[Run]) -> list[str]:
    short = [run.folder.name for run in runs]
    is_enough = len(set(short)) == len(short) and all(short)
    return short if is_enough else [str(run.folder) for run in runs]


def _protocol(report: dict[str, Any]) -> str:
    what = evidence_name(report)
    data = f"{report['dataset']['name']}, {report['split']} data"
    return f"{what} in nats per datum: {data}, binarization {report['binarization']}"


def _interval(name: str, report: dict[str, Any]) -> Interval:
    ll = report["log_likelihood"]
    if ll is None:
        return Interval(name, None, None)
    if ll["data_se"] is None:
        return Interval(name, ll["value"], None)
    return Interval(name, ll["value"], hypot(ll["data_se"], ll["mc_se"] or 0.0))


def _plots(groups: dict[str, list[Interval]]) -> Iterator[Markup]:
    if len(groups) > 1:
        yield tag(
            "ul",
            tag(
                "li",
                tag("b", "These runs differ in data, split, binarization or kind of number."),
                " Numbers of one group do not compare with those of another.",
            ),
            class_="warnings",
        )
    for protocol, values in groups.items():
        yield tag("h3", protocol)
        yield intervals(values)


def _row(name: str, report: dict[str, Any]) -> list[str]:
    ll = report["log_likelihood"] or {}
    active = report["active_units"]
    return [
        name,
        number(ll.get("value")),
        errors_of(mc_se=ll.get("mc_se"), data_se=ll.get("data_se")),
        str(ll.get("samples", "")),
        number(report["elbo"]),
        number(report["kl"]),
        "+".join(map(str, active.values())),
        str(report["model"]["parameters"]),
        str(report["training"]["epochs"]),
        "yes" if evidence_name(report) == "log p(x)" else f"no: {evidence_name(report)}",
    ]


COLUMNS = (
    *("Run", "log p(x)", "Errors", "S", "ELBO", "KL", "Active units", "Parameters", "Epochs"),
    "Is a log-likelihood",
)


def _table(rows: Sequence[Sequence[str]]) -> Markup:
    caption = "In nats per datum; S draws for each; the last column says what a number "
    return table(f"{caption}is that is no log-likelihood", COLUMNS, rows)


def _differing(names: Sequence[str], differing: dict[str, list[str]]) -> Markup:
    if not differing:
        return tag("p", "None: the same options, and so the same seed.")
    rows = ([name, *values] for name, values in differing.items())
    caption = "Options with other values; a dash where a run has no such option"
    return table(caption, ("Option", *names), rows)


def _figures(
    title: str, figure: str, runs: Sequence[Run], names: Sequence[str]
) -> Iterator[Markup]:
    found = [
        tag("div", tag("h3", name), *drawn)
        for run, name in zip(runs, names, strict=True)
        if (drawn := list(pictures(run.figures, name, only=figure)))
    ]
    if found:
        yield section(title, gallery(found))
