"""Trains published results again, and makes of them the table of the documentation.

    python -m benchmarks.published --list
    python -m benchmarks.published pyro-tutorial planar-20 --root data
    python -m benchmarks.published keras --seeds '[0,1,2]' --root data
    python -m benchmarks.published gated-normal --root data --budget 45      # goes on when called again
    python -m benchmarks.published --table                       # docs/results/how_good_is_it.md

A run is a folder of ``pyrovae train``. One that is there goes on, or is only reported on if it is
trained. The row of each result goes into ``benchmarks/published/results``.
"""

import os
from importlib import import_module
from pathlib import Path

from benchmarks.published.numbers import Number, measure
from benchmarks.published.page import verdict, write_page
from benchmarks.published.protocols import Protocol, names, read_protocol
from benchmarks.published.rows import RESULTS, make_row, read_rows, write_row
from benchmarks.published.runs import train
from pyrovae.cli import run

ROOT = Path(os.environ.get("PYROVAE_DATA", "data"))
PAGE = Path(__file__).parents[2] / "docs" / "results" / "how_good_is_it.md"


def main(
    results: list[str] | None = None,
    /,
    *,
    root: Path = ROOT,
    runs: Path = Path("runs/published"),
    seeds: list[int] | None = None,
    budget: float | None = None,
    list: bool = False,
    table: bool = False,
    out: Path = RESULTS,
    page: Path = PAGE,
) -> None:
    """Trains results, writes their rows, and makes the documentation's table from these.

    Args:
        results: Names of results; see --list.
        root: Folder of the data: MNIST in torchvision's layout, and freyfaces.npy; $PYROVAE_DATA
            or data, if left out.
        runs: Folder of the run folders.
        seeds: Seeds of training; those of the result if left out.
        budget: Minutes of one run, after which it stops, with a row that says so; the same command
            goes on with it. With 0 nothing is trained, and rows are made of the runs there are.
        list: Shows the names, and what each result's row says.
        table: Makes the documentation's table from the rows.
        out: Folder of the rows.
        page: The page with the table.
    """
    if list:
        _show(out)
    for protocol in [read_protocol(name) for name in results or ()]:
        found = {}
        for seed in protocol.seeds if seeds is None else seeds:
            number = _number(protocol, runs / protocol.name, seed, root, budget)
            if number is not None:
                found[seed] = number
        if not found:
            print(f"{protocol.name}: no run in {runs / protocol.name}")
            continue
        row = make_row(protocol, found)
        print(f"{protocol.name}: {row['value']:.3f}, {verdict(row)}: {write_row(row, out)}")
    if table:
        write_page(page, read_rows(out), [read_protocol(name) for name in names()])
        print(page)
    if not (list or table or results):
        raise ValueError(f"expected a result, --list or --table; results: {', '.join(names())}")


def _number(
    protocol: Protocol, folder: Path, seed: int, root: Path, budget: float | None
) -> Number | None:
    """Trains a run, as far as there is time, and reads it."""
    run_folder = folder / f"seed-{seed}"
    if not protocol.script:
        train(protocol, run_folder, seed=seed, root=root, budget=budget)
        return measure(protocol, run_folder)
    script = import_module(f"benchmarks.published.{protocol.script}")
    found: Number | None = script.run(
        run_folder, seed=seed, root=root, budget=budget, **protocol.options
    )
    return found


def _show(out: Path) -> None:
    rows = {row["name"]: row for row in read_rows(out)}
    width = max(map(len, names()))
    for name in names():
        protocol = read_protocol(name)
        said = f"{rows[name]['value']:.3f}, {verdict(rows[name])}" if name in rows else "no row"
        print(f"{name:{width}}  {protocol.what}: {protocol.published:g}; {said}")


if __name__ == "__main__":
    run(main)
