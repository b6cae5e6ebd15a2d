"""The page of a run: what it trained, what came of it, and how to do it again."""

from collections.abc import Iterator
from typing import Any

from pyrovae.cli.pages.advice import warnings
from pyrovae.cli.pages.card import card, described
from pyrovae.cli.pages.markup import Markup, document, joined, section, tag
from pyrovae.cli.pages.numbers import headline, numbers
from pyrovae.cli.pages.options import flat
from pyrovae.cli.pages.pictures import FIRST, gallery, pictures
from pyrovae.cli.repeat import command_of
from pyrovae.cli.reports import reading
from pyrovae.cli.runs import Run
from pyrovae.files import atomic

__all__ = ["has_page", "run_page", "write_page"]

VERSIONS = {
    "pyrovae": "pyrovae",
    "python": "Python",
    "torch": "PyTorch",
    "pyro": "Pyro",
    "platform": "Platform",
}


def write_page(run: Run) -> None:
    """Writes the page of a run in one move."""
    page = run_page(run)
    with atomic(run.page_file) as temporary:
        temporary.write_text(page, encoding="utf-8")


def has_page(run: Run) -> bool:
    """Whether a run has a page, and it is that of its report and figures."""
    file = run.page_file
    page = run_page(run).encode()
    # By its size first: whatever lies there is read no further than the page is long.
    return file.is_file() and file.stat().st_size == len(page) and file.read_bytes() == page


def run_page(run: Run) -> str:
    """The page: what report, figures and checkpoint say, and nothing but that.

    Raises:
        FileNotFoundError: If the run has no report.
        ValueError: If its report or its checkpoint do not read.
    """
    report, options = run.report(), run.named()
    with reading(run.report_file):
        return _page(run, report, options)


def _page(run: Run, report: dict[str, Any], options: dict[str, Any]) -> str:
    title = f"{report['model']['class']} of {report['dataset']['name']}"
    figures = list(pictures(run.figures, title))
    first, rest = figures[: len(FIRST)], figures[len(FIRST) :]
    sections = {
        "Warnings": warnings(report),
        "Figures": gallery(first),
        "Numbers": numbers(report),
        "More figures": gallery(rest),
        "Model card": card(report, options["seed"]),
        "Command and versions": joined(_how(report, options)),
    }
    sections = {name: content for name, content in sections.items() if content}
    links = (
        tag("li", tag("a", name, href=f"#{'-'.join(name.lower().split())}")) for name in sections
    )
    return document(
        title,
        tag("p", headline(report), class_="lead"),
        tag("nav", tag("ul", *links), aria_label="On this page"),
        *(section(name, content) for name, content in sections.items()),
    )


def _how(report: dict[str, Any], options: dict[str, Any]) -> Iterator[Markup]:
    yield tag("p", "This command trains the same model again; paths have their last part alone.")
    yield tag("pre", tag("code", command_of(options)))
    versions = {shown: str(report["versions"][key]) for key, shown in VERSIONS.items()}
    yield described(versions)
    yield tag("details", tag("summary", "All options"), described(flat(options)))
