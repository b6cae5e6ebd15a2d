"""What a person gets: the README's code, the two commands, a wheel that works elsewhere."""

import inspect
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import pyrovae

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def python(code, cwd, **env):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | env,
    )


def test_readme_code_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})  # noqa: S102
    assert "log p(x)" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_readme_shows_the_two_commands_and_its_pictures_exist():
    makefile = (ROOT / "Makefile").read_text()
    for command in ("demo", "test"):
        assert f"make {command}" in README
        assert re.search(rf"^{command}:", makefile, re.MULTILINE)
    assert "make test" in (ROOT / ".ci/run").read_text()
    linked = re.findall(r"\]\(([\w./-]+)\)|src=\"([\w./-]+)\"", README)
    files = [a or b for a, b in linked]
    assert files
    for file in files:
        assert (ROOT / file).exists(), file


def test_every_component_is_listed_in_the_readme_and_the_reference():
    from pyrovae import likelihoods, objectives, posteriors, priors

    reference = (ROOT / "docs/reference/index.md").read_text()
    for module in (priors, posteriors, likelihoods, objectives):
        for name in set(module.__all__) - {"LogWeights", "Weight"}:
            value = getattr(module, name)
            if isinstance(value, type) and not inspect.isabstract(value):
                assert f"`{name}`" in README, name
                assert f"`{name}`" in reference, name


def test_versions_agree():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert project["version"] == citation["version"] == pyrovae.__version__
    assert f"[{pyrovae.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_wheel_works_outside_the_clone(tmp_path):
    if not (ROOT / ".git").exists():
        pytest.skip("no clone to build from")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path]
    source = tmp_path / "source"
    # Built from a copy of what is under version control: a build leaves folders behind.
    subprocess.run(["git", "checkout-index", "--all", f"--prefix={source}/"], cwd=ROOT, check=True)
    done = subprocess.run([*build, source], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert "pyrovae/py.typed" in archive.namelist()
        assert not [name for name in archive.namelist() if name.startswith(("tests", "examples"))]
        archive.extractall(tmp_path / "site")
    code = "import pyrovae, pyrovae.cli; print(pyrovae.__file__); pyrovae.cli.main(['--version'])"
    done = python(code, tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert done.returncode == 0, done.stderr
    assert str(tmp_path / "site") in done.stdout
    assert pyrovae.__version__ in done.stdout


def test_importing_prints_nothing_and_changes_no_global_state(tmp_path):
    code = """
import logging
import sys
import torch
import pyro.infer

def state():
    return (
        torch.distributions.Distribution._validate_args,
        torch.get_default_dtype(),
        torch.get_rng_state().tolist(),
        len(logging.getLogger().handlers),
        len(pyro.get_param_store()),
    )

before = state()
import pyrovae, pyrovae.cli, pyrovae.plots
assert state() == before

import pyrovae.cli.tables
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

q, p = NormalPosterior(MLP(3, [], 4)), NormalLikelihood(MLP(2, [], 3))
pyrovae.evaluate(pyrovae.VAE(NormalPrior(2), q, p), torch.rand(4, 3), samples=2)
# Where nothing is compiled or drawn.
slow = {"matplotlib.pyplot", "sympy", "torch._dynamo", "torch._inductor.compile_fx"}
assert not slow & sys.modules.keys(), slow & sys.modules.keys()
"""
    done = python(code, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == done.stderr == ""
