"""HTML from tags: whatever is no markup is text, and text is always escaped."""

import html
from collections.abc import Iterable, Sequence

from pyrovae.cli.pages.style import STYLE
from pyrovae.cli.saying import printable

__all__ = ["Markup", "coded", "document", "joined", "section", "table", "tag"]

VOID = ("img", "meta")


class Markup(str):
    """Text that is HTML already, because `tag` made it."""

    __slots__ = ()


def escaped(text: str | int) -> Markup:
    """Text as HTML, in which control characters are written out."""
    return text if isinstance(text, Markup) else Markup(html.escape(printable(str(text))))


def joined(parts: Iterable[str]) -> Markup:
    """Parts after one another."""
    return Markup("".join(map(escaped, parts)))


def tag(name: str, /, *children: str, **attributes: str | int) -> Markup:
    """An element.

    Args:
        name: Its name.
        children: What is in it.
        attributes: Its attributes: ``aria_label`` is aria-label, ``class_`` is class.
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
    )
    end = "" if name in VOID else f"{joined(children)}</{name}>"
    return Markup(f"<{name}{said}>{end}")


def coded(text: str) -> Markup:
    """Text of the library's own in which what is typed stands between backticks."""
    parts = text.split("`")
    return joined(tag("code", part) if i % 2 else part for i, part in enumerate(parts))


def section(title: str, *children: str) -> Markup:
    """A part of a page under a heading of its own, which the list of contents can lead to."""
    name = "-".join(title.lower().split())
    head = tag("h2", title, id=name)
    return Markup(tag("section", head, *children, aria_labelledby=name))


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Markup:
    """A table that is wider than a phone is moved sideways, by keys, too.

    Args:
        caption: What it shows.
        columns: The heads of the columns.
        rows: The cells of each row, the first of which is its head.
    """
    # The roles hold where a style shows rows as blocks, too.
    head = tag(
        "tr", *(tag("th", c, scope="col", role="columnheader") for c in columns), role="row"
    )
    body = (
        tag(
            "tr",
            tag("th", first, scope="row", role="rowheader"),
            *(tag("td", cell, role="cell") for cell in rest),
            role="row",
        )
        for first, *rest in rows
    )
    whole = tag(
        "table",
        tag("caption", caption),
        tag("thead", head, role="rowgroup"),
        tag("tbody", *body, role="rowgroup"),
        role="table",
    )
    return tag("div", whole, class_="wide", tabindex=0, role="region", aria_label=caption)


def document(title: str, *children: str) -> str:
    """A whole page, that a browser lets do nothing but be read.

    Args:
        title: What it is called.
        children: What is on it.
    """
    # Were text to slip through as HTML, it could still run no script and ask no server.
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Markup(STYLE)),
    )
    body = tag("body", tag("main", tag("h1", title), *children))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"
