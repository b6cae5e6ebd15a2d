"""A run's figures on its page, as part of the file."""

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path

from pyrovae.cli.figures import FIGURES, figure_files
from pyrovae.cli.pages.markup import Markup, tag

__all__ = ["FIRST", "gallery", "pictures"]

#: What people look at first.
FIRST = ("samples", "reconstructions", "latents", "training_curves")
PNG, HEADER = b"\x89PNG\r\n\x1a\n", 24
MOST_BYTES = 16 * 2**20


def pictures(folder: Path, about: str, *, only: str | None = None) -> Iterator[Markup]:
    """The figures of a folder, those first that people look at first.

    Files that are no PNG, and links, are left out: the folder may be a stranger's.

    Args:
        folder: Where they are.
        about: Of what they are, for those who do not see them.
        only: Those of one name.
    """
    files = {file: _kind(file) for file in figure_files(folder)}
    order = [*FIRST, *(name for name in FIGURES if name not in FIRST)]
    for file, kind in sorted(files.items(), key=lambda item: (order.index(item[1]), item[0].name)):
        content = _png(file) if only in (None, kind) else None
        if content is None:
            continue
        site = file.stem.removeprefix(kind).removeprefix("_of_")
        title = kind.replace("_", " ").capitalize() + (f" of {site}" if site else "")
        width, height = (int.from_bytes(content[i : i + 4], "big") for i in (16, 20))
        image = tag(
            "img",
            src=Markup(f"data:image/png;base64,{base64.b64encode(content).decode()}"),
            alt=f"{title}, {about}. {FIGURES[kind]}",
            width=width,
            height=height,
        )
        yield tag(
            "figure", tag("figcaption", tag("b", title), f": {_lower(FIGURES[kind])}"), image
        )


def gallery(figures: Sequence[Markup]) -> Markup:
    """Figures beside one another, as far as the page is wide."""
    return tag("div", *figures, class_="figures") if figures else Markup("")


def _kind(file: Path) -> str:
    return next(n for n in FIGURES if file.stem == n or file.stem.startswith(f"{n}_of_"))


def _png(file: Path) -> bytes | None:
    """The file's bytes, if it is a PNG of a size that a figure has."""
    if file.is_symlink() or not file.is_file() or file.stat().st_size > MOST_BYTES:
        return None
    content = file.read_bytes()
    return content if content.startswith(PNG) and len(content) > HEADER else None


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
