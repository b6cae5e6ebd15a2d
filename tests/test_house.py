"""Files and functions stay short, and the package's rooms depend on one another one way."""

import ast
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILES = sorted(
    path
    for folder in ("pyrovae", "tests", "examples", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)
MOST_LINES_OF_A_FILE = 300
MOST_LINES_OF_A_FUNCTION = 80

BASES = {"priors", "posteriors", "likelihoods"}
# What each room may import, as docs/design/architecture.md has it: a new name here is a
# decision. "pyrovae" is what the package itself exports.
ROOMS = {
    "ranks": "",
    "stage": "",
    "undefined": "",
    "checks": "",
    "labels": "",
    "schedules": "declared",
    "programs": "",
    "columns": "",
    "declared": "",
    "component": "declared stage",
    "files": "",
    "specifications": "declared",
    "scope": "stage",
    "recent": "",
    "compilation": "files recent scope",
    "distributions": "labels undefined",
    "latents": "distributions undefined",
    "handlers": "distributions latents",
    "nn": "columns component",
    "likelihoods": "checks columns component distributions nn",
    "codebooks": "component distributions nn ranks",
    "posteriors": "codebooks component distributions latents nn",
    "priors": "checks component distributions latents likelihoods nn posteriors scope",
    "support": "checks distributions handlers nn programs scope",
    "datasets": "checks columns labels scope",
    "adversaries": "checks component distributions handlers nn ranks",
    "objectives": "checks declared distributions handlers latents ranks schedules",
    "models": "recent checks component datasets distributions handlers labels latents likelihoods nn posteriors "
    "priors programs scope support",
    "hierarchy": "checks likelihoods models nn posteriors",
    "latent_space": "datasets distributions handlers latents nn scope",
    "disentanglement": "checks",
    "sample_quality": "checks datasets nn scope",
    "explorer": "columns datasets distributions evaluation handlers latent_space latents nn plots "
    "programs scope undefined",
    "plots": "columns datasets latent_space scope",
    "evaluation": "checks compilation datasets distributions handlers latents nn objectives programs "
    "ranks scope support",
    "checkpoint": "checks component files scope specifications",
    "build": "columns models nn specifications",
    "exporting": "checks compilation datasets files handlers latents nn programs scope",
    "training": "recent adversaries checkpoint checks compilation component datasets declared distributions evaluation files handlers "
    "nn objectives programs ranks schedules scope stage support",
}
MAY_IMPORT = {room: set(others.split()) for room, others in ROOMS.items()}
MAY_IMPORT["pyrovae"] = ROOMS.keys() - {"build"}
MAY_IMPORT["cli"] = ROOMS.keys() | {"pyrovae"}
MAY_IMPORT["__main__"] = {"cli"}
# Models know the bases of their parts; this one has a prior of labels unless it is given another.
CONCRETE = {("pyrovae/models/semisupervised.py", "pyrovae.priors.categorical")}


def named(path):
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path):
    return ast.parse(path.read_text())


def functions(path):
    """Each function of a file, with the number of lines below its signature and docstring."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
            first = min((s.lineno for s in body), default=node.end_lineno + 1)
            yield node.name, node.end_lineno - first + 1


def room(module):
    """The first name below the package in a module's."""
    return module.split(".")[1] if "." in module else "pyrovae"


def imported(path):
    """The modules of the package that a file imports, whether at its head or within a function."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{named(path)}: a relative import"
            names = [node.module]
            if node.module == "pyrovae":
                below = [alias.name for alias in node.names]
                names = [f"pyrovae.{n}" if n in MAY_IMPORT else "pyrovae" for n in below]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "pyrovae")


def modules():
    """Each file of the package, with its room."""
    for path in FILES:
        if path.is_relative_to(ROOT / "pyrovae"):
            below = path.relative_to(ROOT / "pyrovae")
            yield (
                path,
                "pyrovae" if str(below) == "__init__.py" else below.with_suffix("").parts[0],
            )


def test_no_file_is_long():
    lengths = {named(path): len(path.read_text().splitlines()) for path in FILES}
    assert {name: n for name, n in lengths.items() if n > MOST_LINES_OF_A_FILE} == {}


def test_no_function_is_long():
    found = [(named(path), *function) for path in FILES for function in functions(path)]
    assert [function for function in found if function[-1] > MOST_LINES_OF_A_FUNCTION] == []


def test_no_two_test_files_have_one_name():
    """pytest imports them by it, and would not collect the second."""
    names = Counter(path.name for path in FILES if path.name.startswith("test_"))
    assert [name for name, n in names.items() if n > 1] == []


def test_every_room_has_its_place():
    assert {room for _, room in modules()} == set(MAY_IMPORT)
    # A cycle is an error.
    assert len([*TopologicalSorter(MAY_IMPORT).static_order()]) == len(MAY_IMPORT)


def test_dependencies_point_one_way():
    against = [
        f"{named(path)} imports {module}"
        for path, own in modules()
        for module in imported(path)
        if room(module) != own and room(module) not in MAY_IMPORT[own]
    ]
    assert against == []


def test_models_know_the_bases_of_their_parts_alone():
    found = {
        (named(path), module)
        for path, own in modules()
        if own == "models"
        for module in imported(path)
        if room(module) in BASES and module.split(".")[2:] != ["base"]
    }
    assert found == CONCRETE
