"""The benchmark of several processes: its prediction, its page, and a small run that goes on."""

import json

import pytest

from benchmarks.scale.__main__ import read_rows, scale
from benchmarks.scale.cases import Case, cases
from benchmarks.scale.page import write_page
from benchmarks.scale.prediction import Links, efficiency


def test_the_prediction_by_hand():
    # 10 ms, or 10 / 4 ms; 2 * 3 / 4 of 1 GB at 100 GB/s take 15 ms, and four hops of 1 ms 4 ms.
    links = Links(inside=100e9, between=10e9, hop=1e-3, in_machine=4)
    assert efficiency(4, 0.010, 1e9, links, strong=False) == pytest.approx(10 / 29)
    assert efficiency(4, 0.010, 1e9, links, strong=True) == pytest.approx(2.5 / 21.5)
    # Beyond a machine the link between two of them is what counts: 2 * 7 / 8 of 1 GB at 10 GB/s.
    assert efficiency(8, 0.010, 1e9, links, strong=False) == pytest.approx(10 / (10 + 175 + 8))
    assert efficiency(1, 0.010, 1e9, Links(hop=0.0), strong=True) == 1


def row(case, **found):
    return {"case": case.plain(), "machine": "a machine", "device": "CPU", **found}


def test_the_page_says_what_is_in_the_rows(tmp_path):
    step = {"low": 0.001, "high": 0.002, "parameters": 1e6}
    group = {"hidden": (7,), "compiled": True}
    rows = [
        row(Case("strong", batch_size=10), step=0.010, processes=1.0, **step),
        row(Case("strong", processes=2, batch_size=10), step=0.010, processes=2.0, **step),
        row(Case("weak", processes=2, batch_size=20), step=0.010, processes=2.0, **step),
        row(Case("group", **group), step=0.004, processes=1.0, **step) | {"device": "a GPU"},
        row(Case("group", group=True, **group), step=0.006, processes=1.0, **step)
        | {"device": "a GPU"},
        row(Case("checkpoint", checkpoint=True), step=0.050, processes=1.0, **step),
        row(Case("datum", side=32), bytes=5e6, of=1.0),
        row(Case("data", megabytes=256), bytes=7e6, of=256e6, read="TensorSplit"),
    ]
    write_page(json.loads(json.dumps(rows)), tmp_path)
    page = (tmp_path / "scale.md").read_text()
    for said in (
        "| one of all | 1 | 10 | 10.0 (1.0 to 2.0) | 1,000 | 1.00 |",
        "| one of all | 2 | 10 | 10.0 (1.0 to 2.0) | 1,000 | 0.50 |",
        "| one for each | 2 | 20 | 10.0 (1.0 to 2.0) | 2,000 | 1.00 |",
        "| a GPU | 7 | yes | 4.00 | 6.00 | 1.50 |",
        "adds 40 ms to it",
        "| 3 x 32 x 32 | 5 MB |",
        "| 256 MB | TensorSplit | 7 MB |",
        "784-7-20, 1.0 million parameters, batch 512: 4.00 ms (measured)",
    ):
        assert said in page, said
    assert (tmp_path / "figures" / "scale.png").stat().st_size > 1000


def test_a_page_without_rows_has_no_numbers_but_the_predicted(tmp_path):
    write_page([], tmp_path)
    page = (tmp_path / "scale.md").read_text()
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## Predicted: 8 to 512 GPUs"
    ]
    assert "(supposed)" in page


def test_cases_are_read_as_they_were_written():
    found = cases([1, 2], batch_size=8, steps=3, hidden=[4])
    assert [Case.of(json.loads(json.dumps(case.plain()))) for case in found] == found
    assert len(set(found)) == len(found)


def test_rows_are_measured_once(tmp_path, monkeypatch):
    """A run that is ended goes on."""
    asked = []

    def measured(case):
        asked.append(case)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return {
            "step": 1.0,
            "low": 1.0,
            "high": 1.0,
            "parameters": 1.0,
            "processes": 1.0 * case.processes,
        }

    monkeypatch.setattr("benchmarks.scale.__main__.measure", measured)
    options = {"rows": str(tmp_path / "rows.json"), "out": str(tmp_path), "only": ["strong"]}
    with pytest.raises(KeyboardInterrupt):
        scale(**options)
    assert len(read_rows(tmp_path / "rows.json")) == 1
    scale(**options)
    assert [case.processes for case in asked] == [1, 2, 2, 4]


@pytest.mark.proof
def test_a_small_run(tmp_path):
    rows = tmp_path / "rows.json"
    only = ["strong", "weak", "group", "checkpoint", "datum"]
    small = {"processes": [1, 2], "batch_size": 8, "steps": 3, "hidden": [4], "only": only}
    scale(**small, rows=str(rows), out=str(tmp_path))
    found = read_rows(rows)
    assert [row["case"]["kind"] for row in found] == [
        *["strong"] * 2,
        "weak",
        *["group"] * 4,
        "checkpoint",
        *["datum"] * 3,
    ]
    assert [row["processes"] for row in found[:3]] == [1, 2, 2]
    assert all(row["step"] > 0 for row in found[:8])
    assert all(row["bytes"] > 0 for row in found[8:])
