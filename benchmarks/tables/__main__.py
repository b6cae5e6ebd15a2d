"""Models of tables side by side: densities, imputation and synthetic rows.

    python -m benchmarks.tables                                   # docs/results/tables.md
    python -m benchmarks.tables --tables '[wine]' --seeds '[0]' --epochs 50

Tables: diabetes, breast cancer and wine, which come with scikit-learn, and one that is drawn from a
known joint distribution of columns of all kinds. Peers: Gaussian mixtures, independent columns,
scikit-learn's IterativeImputer and KNNImputer, and ctgan's TVAE where it is installed (it needs
pandas before 3: pip install ctgan).
"""

from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.tables.data import TABLES
from benchmarks.tables.tasks import densities, imputation, synthesis
from pyrovae.cli import run
from pyrovae.files import atomic

SHARES = (0.1, 0.3, 0.5)
WAYS = ("at random", "by value")
DENSITIES = ("VAE", "independent columns", "Gaussian mixture", "true")
SYNTHESES = ("real", "VAE", "ctgan's TVAE", "independent columns", "most frequent")
DENSITY = """Nats per row, in the columns' own units; higher is better. For diabetes, breast cancer and wine, the
numeric columns are used, all as type real; for the made table all six types, and its true value is known.
The mixture is the best of twelve, chosen on the same sixth of the training data."""
IMPUTATION = """Errors of the imputed values on test rows; the training rows have as many gaps. Lower is better. Before
the stroke, numbers: root mean square error in standard deviations of the column. After the stroke, levels:
the share of wrong ones. A small table has few of these, so one seed says little about them. *At random*:
values go missing independently of what they are. *By value*: the higher values of a column go missing
three times as often as the lower ones (missing not at random, MNAR). No method here models that, and all
are biased by it."""
SYNTHESIS = """Accuracy on real test rows of a random forest that was trained on real rows; on as many rows drawn from a
VAE; on rows drawn from ctgan's TVAE (its defaults, the same epochs); and on rows whose columns were
shuffled independently."""


def averaged(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean of each number over the seeds."""
    first = rows[0]
    return {
        name: mean(row[name] for row in rows) if isinstance(first[name], float) else first[name]
        for name in first
    }


def markdown(header: list[str], rows: list[list[Any]]) -> str:
    """A table of a page."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(_cell, line)) + " |" for line in lines)


def _cell(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def main(
    tables: list[str] = list(TABLES),  # noqa: B006
    seeds: list[int] = [0, 1, 2],  # noqa: B006
    shares: list[float] = list(SHARES),  # noqa: B006
    epochs: int = 300,
    samples: int = 500,
    rows: int = 2000,
    machine: str = "two cores",
    out: Path = Path("docs/results"),
) -> None:
    """Measures everything, and writes ``tables.md`` into a folder."""
    parts = {
        name: _measured(name, seeds, shares, epochs=epochs, samples=samples, rows=rows)
        for name in tables
    }
    command = f"--seeds {seeds} --epochs {epochs} --samples {samples} --rows {rows}"
    trained = (
        "VAE: at most 10 latents, networks of one hidden layer of 64, bound of 5 particles, Adam "
        f"5e-3, batch 128, at most {epochs} epochs, early stopping on a sixth of the training data; means "
        f"over seeds {', '.join(map(str, seeds))}, each with its own split, on {machine}. "
        f"The made table has {rows} rows; a quarter of each table is the test set. "
        f"S = {samples}."
    )
    page = [
        "# Tables, measured",
        f"Made by `python -m benchmarks.tables {command}`. {trained}",
        "## Held-out log p(x)",
        DENSITY,
        markdown(
            ["table", *DENSITIES], [_row(k, v["density"], DENSITIES) for k, v in parts.items()]
        ),
        "## Imputation",
        IMPUTATION,
        *(_imputation_table(name, part["imputation"]) for name, part in parts.items()),
        "## Synthetic rows",
        SYNTHESIS,
        markdown(
            ["table", *SYNTHESES], [_row(k, v["synthesis"], SYNTHESES) for k, v in parts.items()]
        ),
    ]
    with atomic(out / "tables.md") as temporary:
        temporary.write_text("\n\n".join(page) + "\n", encoding="utf-8")
    print(f"{out / 'tables.md'}")


def _row(name: str, found: dict[str, Any], columns: tuple[str, ...]) -> list[Any]:
    return [name, *(found.get(column, "") for column in columns)]


def _measured(
    name: str, seeds: list[int], shares: list[float], *, epochs: int, samples: int, rows: int
) -> dict[str, Any]:
    budget: dict[str, Any] = {"epochs": epochs, "rows": rows}
    drawn = budget | {"samples": samples}
    found: dict[str, Any] = {
        "density": averaged([densities(name, seed=seed, **drawn) for seed in seeds]),
        "synthesis": averaged([synthesis(name, seed=seed, **budget) for seed in seeds]),
        "imputation": {},
    }
    print(name, found["density"], found["synthesis"], flush=True)
    for how in WAYS:
        for share in shares:
            each = [imputation(name, share, how, seed=seed, **drawn) for seed in seeds]
            rows = {label: averaged([errors[label] for errors in each]) for label in each[0]}
            found["imputation"][how, share] = rows
            print(name, how, share, rows, flush=True)
    return found


def _imputation_table(name: str, found: dict[Any, Any]) -> str:
    settings = list(found)
    header = [name, *(f"{how}, {100 * share:.0f} %" for how, share in settings)]
    rows = [
        [
            label,
            *(
                f"{found[s][label]['numbers']:.2f} / {found[s][label]['levels']:.2f}"
                for s in settings
            ),
        ]
        for label in found[settings[0]]
    ]
    return markdown(header, rows)


if __name__ == "__main__":
    run(main)
