"""The documentation as a site: it builds without a warning, and leaves nothing out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import pyrovae

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
URL = re.compile(r"https?://[^\s)>\"`;]+")


def test_every_source_is_in_the_bibliography():
    listed = {
        url.rstrip(".,;") for url in URL.findall((DOCS / "reference/bibliography.md").read_text())
    }
    # The documentation of torch and the homes of files are no papers.
    papers = re.compile(r"arxiv\.org/abs|doi\.org|openreview\.net|papers\.nips\.cc")
    for path in sorted((ROOT / "pyrovae").rglob("*.py")):
        for url in URL.findall(path.read_text()):
            if papers.search(url):
                assert url.rstrip(".,;") in listed, f"{path.relative_to(ROOT)}: {url}"


def test_every_package_has_a_page_of_the_reference():
    pages = {path.stem for path in (DOCS / "reference").glob("*.md")}
    assert set(pyrovae._PACKAGES) - {"component"} <= pages


def test_the_gallery_shows_every_example():
    shown = re.findall(r'^    "(\w+\.py)": \(', (DOCS / "gallery.py").read_text(), re.MULTILINE)
    assert sorted(shown) == sorted(path.name for path in (ROOT / "examples").glob("*.py"))


@pytest.mark.proof
def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-b", "html"]
    done = subprocess.run(
        [*command, str(DOCS), str(tmp_path / "html")],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    for page in ("index", "search", "reference/priors", "gallery/plain_svi", "how_to/own_data"):
        assert (tmp_path / f"html/{page}.html").is_file(), page
    for kind in ("gallery", "learn/tutorials"):
        for script in (DOCS / kind).glob("*.py"):
            page = (tmp_path / "html" / kind / f"{script.stem}.html").read_text()
            assert "sphx-glr-script-out" in page or "sphx-glr-single-img" in page, script
