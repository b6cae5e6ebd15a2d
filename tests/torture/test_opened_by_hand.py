"""Run folders that somebody worked in: files replaced by folders and links, emptied, overwritten."""

import os
import shutil
from pathlib import Path

import pytest

from pyrovae.cli import main

pytestmark = pytest.mark.usefixtures("dots")

FILES = [
    "checkpoint.pt",
    "history.csv",
    "config.yaml",
    "report.json",
    "report.html",
    "figures",
    "figures/samples.png",
]
COMMANDS = {
    "resume": ["--quiet"],
    "resume for longer": ["--epochs", "3", "--quiet"],
    "evaluate": ["--samples", "2"],
    "sample": ["--n", "2"],
    "plot": ["--only", "samples"],
    "compare": [],
    "train": ["--epochs", "1", "--samples", "2", "--quiet", "--overwrite", "--out"],
}


def put_folder(path, elsewhere):
    path.mkdir()
    (path / "mine.txt").write_text("mine")


def put_link_to_a_file(path, elsewhere):
    path.symlink_to(elsewhere / "file")


def put_link_to_a_folder(path, elsewhere):
    path.symlink_to(elsewhere)


KINDS = {
    "a folder": put_folder,
    "nothing": lambda path, elsewhere: None,
    "an empty file": lambda path, elsewhere: path.write_bytes(b""),
    "bytes": lambda path, elsewhere: path.write_bytes(bytes(range(256)) * 20),
    "a link to a file": put_link_to_a_file,
    "a link to a folder": put_link_to_a_folder,
    "a link to nowhere": lambda path, elsewhere: path.symlink_to(elsewhere / "nowhere"),
    "a link to itself": lambda path, elsewhere: path.symlink_to(path),
    "a pipe": lambda path, elsewhere: os.mkfifo(path),
}
ALWAYS = {
    ("history.csv", "a pipe", "resume"),
    ("report.json", "a folder", "evaluate"),
    ("figures", "an empty file", "plot"),
    ("checkpoint.pt", "a link to nowhere", "compare"),
    ("config.yaml", "a link to itself", "train"),
}
CASES = [
    pytest.param(*case, marks=[] if case in ALWAYS else pytest.mark.torture, id=" - ".join(case))
    for case in ((f, k, c) for f in FILES for k in KINDS for c in COMMANDS)
]


@pytest.fixture(scope="module")
def run(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("by_hand") / "run"
    trained(folder)
    return folder


def content(folder):
    return {p.name: p.read_text() for p in folder.iterdir()}


@pytest.mark.parametrize(("file", "kind", "command"), CASES)
def test_what_stands_in_the_place_of_a_file(file, kind, command, run, in_tmp, capsys):
    folder, elsewhere = shutil.copytree(run, in_tmp / "run"), in_tmp / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("mine")
    (elsewhere / "samples.png").write_text("mine")
    path = folder / file
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    KINDS[kind](path, elsewhere)
    before = content(elsewhere)
    options = COMMANDS[command]
    words = [*options, str(folder)] if command == "train" else [str(folder), *options]
    code = main([command.split()[0], *words])
    said = capsys.readouterr().err
    assert code in (0, 2), said
    assert "Traceback" not in said
    if code == 2:
        assert said.count("\n") == 1
        assert said.startswith("pyrovae: ")
        assert "run" in said
    # A link to a folder of figures is the user's own, and only plotting follows it.
    if (file, kind) != ("figures", "a link to a folder") or command == "train":
        assert content(elsewhere) == before
    if kind == "a folder":
        assert (path / "mine.txt").read_text() == "mine"


def some(cases, *, always):
    """Leaves all but some to ``make torture``."""
    return [pytest.param(c, marks=[] if c in always else pytest.mark.torture) for c in cases]


ROWS = {
    "rows of text": "epoch,loss\none,two\nthree,four\n",
    "a missing column": "epoch\n1\n2\n",
    "a row less": "epoch,loss\n1,2.0\n",
    "a formula": "=cmd,loss\n1,2\n2,3\n",
    "nothing": "",
    "a long field": "epoch,loss\n1," + "x" * 200_000 + "\n",
    "many rows": "epoch,loss\n" + "1,2\n" * 100_000,
    "no end of a quote": 'epoch,"loss\n1,2\n',
    "NUL": "epoch\0,loss\n1,2\n",
}


@pytest.mark.parametrize("name", some(ROWS, always=("rows of text", "NUL")))
def test_a_history_that_somebody_wrote_in(name, run, in_tmp, capsys):
    """The checkpoint holds the history; the table is for people."""
    folder = shutil.copytree(run, in_tmp / "run")
    whole = (folder / "history.csv").read_text()
    (folder / "history.csv").write_text(ROWS[name])
    assert main(["evaluate", str(folder), "--samples", "2"]) == 0
    assert main(["resume", str(folder), "--quiet"]) == 0
    assert (folder / "history.csv").read_text() == whole
    assert main(["compare", str(folder)]) == 0
    assert capsys.readouterr().err == ""


TEXTS = ["", "\0", "epochs: [", "- 1", "!!python/object:os.system x", "a: &a [*a]", "epochs: many"]


@pytest.mark.parametrize("text", some(TEXTS, always=("", "!!python/object:os.system x")))
def test_options_that_somebody_wrote_in(text, run, in_tmp, capsys):
    folder = shutil.copytree(run, in_tmp / "run")
    (folder / "config.yaml").write_text(text)
    assert main(["resume", str(folder), "--epochs", "3", "--quiet"]) == 0
    assert Path("run/config.yaml").read_text() != text  # further training writes it anew
    assert main(["evaluate", str(folder), "--samples", "2"]) == 0
    (folder / "config.yaml").write_text(text)
    capsys.readouterr()
    if text:
        assert main(["train", "--config", "run/config.yaml", "--epochs", "1"]) == 2
        said = capsys.readouterr().err
        assert said.startswith("pyrovae: run/config.yaml")
        assert said.count("\n") == 1
