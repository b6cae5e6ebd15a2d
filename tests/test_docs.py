"""Every page of the documentation does what it says: its code runs, its links lead somewhere."""

import ast
import importlib.util
import re
import shlex
import sys
from pathlib import Path

import pytest
from command_line import save_a_dot

from pyrovae.cli import main

DOCS = Path(__file__).parent.parent / "docs"
PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
# What a page may show without its being installed here.
OPTIONAL = {"mlflow", "optuna", "trackio", "wandb", "zarr"}
FILE = re.compile(r"# (\w+)\.py\n")


def blocks(page):
    """Language, first line and code of each block of a page."""
    text = (DOCS / page).read_text()
    return [
        (match[1], text[: match.start(2)].count("\n"), match[2]) for match in BLOCK.finditer(text)
    ]


CODE = [page for page in PAGES if any(b[0] in ("python", "sh") for b in blocks(page))]


def test_pages_are_found():
    guides = {"how_to/new_prior.md", "how_to/new_estimator.md", "come_from/pyro.md"}
    assert guides <= set(CODE)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page):
    for link in LINK.findall((DOCS / page).read_text()):
        assert (DOCS / page).parent.joinpath(link).exists(), link


@pytest.mark.parametrize("page", CODE)
def test_code_runs_in_order(page, tmp_path, monkeypatch, capsys):
    """Python blocks share a namespace; one that begins with its file's name is that file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("pyrovae.cli.figures.save_figure", save_a_dot)
    namespace = {"__name__": "__main__"}
    modules = []
    try:
        for language, line, code in blocks(page):
            if language == "sh":
                run_commands(code, capsys)
            elif language == "python" and (file := FILE.match(code)):
                modules.append(file[1])
                Path(f"{file[1]}.py").write_text(code)
            elif language == "python" and (lacking := not_installed(code)):
                compile(code, str(DOCS / page), "exec")
                print(f"{page}, line {line}: compiled and not run, for lack of {lacking}")
            elif language == "python":
                # The empty lines make a traceback tell the page's line.
                program = compile("\n" * line + code, str(DOCS / page), "exec")
                exec(program, namespace)  # noqa: S102
    finally:
        for name in modules:
            sys.modules.pop(name, None)


def not_installed(code):
    """The packages that a block imports and that only its readers have."""
    imported = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import)]
    names = {alias.name.partition(".")[0] for node in imported for alias in node.names}
    return sorted(n for n in names & OPTIONAL if importlib.util.find_spec(n) is None)


def run_commands(code, capsys):
    """Runs commands, each of which has to succeed, here: to start one takes longer than most."""
    lines = code.replace("\\\n", " ").splitlines()
    for line in lines:
        name, *words = shlex.split(line, comments=True)
        assert name == "pyrovae", line
        assert main(shorter(words)) == 0, capsys.readouterr().err


# Numbers that decide how long a command takes, and nothing else that a page claims of it. A run
# that is resumed for longer than it was trained stays one.
MOST = {
    "train": {"--epochs": 2, "--samples": 10},
    "resume": {"--epochs": 3},
    "evaluate": {"--samples": 10},
    "score": {"--samples": 10},
    "impute": {"--samples": 10},
}


def shorter(words):
    """A command with smaller numbers where it gives them, and with few draws where it does not."""
    command, *words = words
    most = MOST.get(command, {})
    for option, number in most.items():
        if option in words:
            place = words.index(option) + 1
            words[place] = str(min(int(words[place]), number))
        elif option == "--samples" and command == "impute":
            words += [option, str(number)]
    return [command, *words]


def test_shorter_commands_are_the_same_but_for_numbers():
    assert shorter(["train", "--epochs", "40", "--out", "x"]) == [
        "train",
        "--epochs",
        "2",
        "--out",
        "x",
    ]
    assert shorter(["score", "x", "--samples", "5"]) == ["score", "x", "--samples", "5"]
    assert shorter(["impute", "x"]) == ["impute", "x", "--samples", "10"]
    assert shorter(["list", "priors"]) == ["list", "priors"]
