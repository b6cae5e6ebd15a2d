"""Reads a page as a browser and a screen reader would, and complains where they would."""

from html.parser import HTMLParser
from itertools import pairwise

VOID = {"img", "meta"}


class Page(HTMLParser):
    """The elements of a page, which has to be balanced.

    Attributes:
        elements: Each element's name and attributes, in order.
        text: All text but the style.
    """

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.elements, self.open, self.pieces = [], [], []
        self.feed(page)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(self.pieces).split())

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.pieces.append(data)

    def of(self, *names):
        return [attributes for name, attributes in self.elements if name in names]


def check_page(text):
    """A page's elements; it asks no network, runs nothing, and can be heard as well as seen."""
    page = Page(text)
    names = {name for name, _ in page.elements}
    assert not names & {"script", "iframe", "object", "embed", "link", "form", "input", "base"}
    for name, attributes in page.elements:
        assert not [key for key in attributes if key.startswith("on") or key == "style"], name
        assert attributes.get("src", "data:image/png;base64,").startswith("data:image/png;base64,")
        assert attributes.get("href", "#").startswith("#")
    assert page.of("html") == [{"lang": "en"}]
    (policy,) = [m["content"] for m in page.of("meta") if "http-equiv" in m]
    assert "default-src 'none'" in policy
    assert {"viewport", "color-scheme"} <= {m.get("name") for m in page.of("meta")}
    assert all(image["alt"] and int(image["width"]) > 0 for image in page.of("img"))
    levels = [int(name[1]) for name, _ in page.elements if name in ("h1", "h2", "h3")]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert len(page.of("caption")) == len(page.of("table"))
    assert all("scope" in head for head in page.of("th"))
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {link["href"][1:] for link in page.of("a")} <= set(ids)
    return page
