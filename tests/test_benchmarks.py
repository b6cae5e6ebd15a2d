"""The comparison runs and writes its table and figure."""

import importlib
import math
import runpy
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

COMPARE = Path(__file__).parent.parent / "benchmarks" / "compare.py"


@pytest.fixture
def here(monkeypatch):
    """Runs a script in this process: the time that starting one takes is that of all else."""
    monkeypatch.syspath_prepend(COMPARE.parent.parent)

    def script(name, *words):
        monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        # Another test may have imported it; runpy warns of that.
        monkeypatch.delitem(sys.modules, f"benchmarks.{name}.__main__", raising=False)
        runpy.run_module(f"benchmarks.{name}", run_name="__main__", alter_sys=True)

    return script


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(("what", "number"), [("priors", 5), ("objectives", 5), ("precisions", 2)])
def test_compare(what, number, tmp_path, here):
    small = ["--epochs", "1", "--seeds", "[0,1]", "--samples", "2", "--hidden", "8"]
    here("compare", what, *small, "--out", tmp_path)
    page = (tmp_path / f"compare-{what}-digits.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == number
    assert "S = 2" in page
    assert (tmp_path / "figures" / f"compare-{what}-digits.png").stat().st_size > 1000


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("settings", "more"),
    [
        ("cd", []),
        pytest.param("cdf", [], marks=pytest.mark.proof),
        pytest.param("cdf", ["pythae"], marks=pytest.mark.proof),
    ],
    ids=str,
)
def test_speed(settings, more, tmp_path, here, monkeypatch, capsys):
    # Contenders that compile nothing; that each does the same work is tested in tests/speed.
    only = f"[{','.join(['torch-eager', 'pyrovae-eager', *more])}]"
    page = tmp_path / "speed.md"
    monkeypatch.chdir(COMPARE.parent.parent)  # the contenders' processes are found from there
    here(
        *("speed", "--quick", "true", "--only", only, "--settings", settings),
        *("--rounds", "1", "--seconds", "0.01", "--threads", "1"),
        *("--root", tmp_path, "--out", page),
    )
    assert "generated images, and (d) is left out" in capsys.readouterr().out
    text = page.read_text()
    assert "on generated images" in text
    assert text.count("\n## (") == len(settings) - 1
    assert "(differs)" not in text
    for section in text.split("\n## (")[1:]:
        rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| ")][1:]
        values = {row[0][2:]: row[1] for row in rows}
        assert [*values] == ["PyTorch by hand", "pyrovae, eager", *more]
        for name, value in values.items():
            if not (name == "pythae" and value.startswith("not installed")):
                assert float(value.replace(",", "")) > 0


@pytest.mark.filterwarnings("default")
def test_tables(tmp_path, here):
    small = ["--tables", "[wine,made]", "--seeds", "[0]", "--shares", "[0.3]", "--rows", "120"]
    here("tables", *small, "--epochs", "1", "--samples", "2", "--out", tmp_path)
    density, imputation, synthesis = (tmp_path / "tables.md").read_text().split("\n## ")[1:]
    (wine, made) = ([*map(str.strip, line.split("|"))] for line in density.splitlines()[-2:])
    assert wine[1] == "wine"
    assert wine[5] == ""  # nobody knows it
    # The truth is above both models of 120 rows, by far more than the error of a mean over rows.
    assert float(made[5]) > max(map(float, made[2:4]))
    assert imputation.count("| IterativeImputer |") == imputation.count("| VAE |") == 2
    assert synthesis.count("\n| wine |") == synthesis.count("\n| made |") == 1


def test_the_true_density_of_the_made_table_integrates_to_one(monkeypatch):
    """By importance: rows of it are weighed by a density that is as simple as it is wide."""
    monkeypatch.syspath_prepend(COMPARE.parent.parent)
    data = importlib.import_module("benchmarks.tables.data")
    n, random = 20_000, np.random.default_rng(0)
    height, log_income = random.normal(170, 20, n), random.normal(10.3, 1.0, n)
    visits = random.geometric(0.12, n) - 1
    levels = {
        "member": random.choice(["yes", "no"], n),
        "colour": random.choice(data.COLOURS, n),
        "grade": random.integers(1, 5, n),
    }
    frame = pd.DataFrame(
        {"height": height, "income": np.exp(log_income), "visits": visits, **levels}
    )
    proposal = (
        stats.norm.logpdf(height, 170, 20)
        + stats.norm.logpdf(log_income, 10.3, 1.0)
        - log_income
        + stats.geom.logpmf(visits + 1, 0.12)
        - math.log(2 * 3 * 4)
    )
    weights = np.exp(data.made_log_density(frame) - proposal)
    # Six standard errors of the mean of the weights.
    assert abs(weights.mean() - 1) < 6 * weights.std() / n**0.5
    assert weights.std() / n**0.5 < 0.05


@pytest.mark.parametrize(
    ("what", "small", "rows"),
    [("counts", ["--cells", "60", "--genes", "8"], 7), ("modalities", [], 4)],
)
def test_counts_and_modalities(what, small, rows, tmp_path, here):
    options = ["--seeds", "[0]", "--epochs", "1", "--samples", "2", "--out", tmp_path]
    here(what, *small, *options)
    table = (tmp_path / f"{what}.md").read_text().split("| --- |\n")[-1].splitlines()
    assert len(table) == rows
    assert all(math.isfinite(float(line.split("|")[2])) for line in table)


def test_the_true_density_of_the_made_cells_is_what_they_are_drawn_from(monkeypatch):
    """The mean score of draws is minus their entropy: of one gene, summed over its counts."""
    monkeypatch.syspath_prepend(COMPARE.parent.parent)
    data = importlib.import_module("benchmarks.counts.data")
    monkeypatch.setattr(data, "DEPTH", 0.0)
    monkeypatch.setattr(data, "BATCHES", 1)
    cells = data.make_cells(4000, 1, seed=0)
    values, numbers = np.unique(cells.counts, return_counts=True)
    density = {int(x): p for x, p in zip(cells.counts[:, 0], cells.log_density, strict=True)}
    probabilities = np.exp([density[int(x)] for x in values])
    assert 0.99 < probabilities.sum() <= 1 + 1e-9
    # Six standard errors of a frequency.
    error = 6 * np.sqrt(probabilities / 4000)
    assert (abs(numbers / 4000 - probabilities) < error + 1 / 4000).all()
