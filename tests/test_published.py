"""Published results: one command trains, stops, goes on, and writes rows; the table is made of them."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.published import __main__ as command
from benchmarks.published import m2, page, protocols, quadrants, rows
from benchmarks.published.numbers import Number, measure
from benchmarks.published.protocols import Protocol, names, read_protocol
from benchmarks.published.runs import Failed, train
from pyrovae.cli import main as pyrovae
from pyrovae.cli import run as run_script

HERE = Path(__file__).parents[1]
NUMBER = Number(
    -90.0, 0.1, 0.5, samples=10, epochs=3, planned=3, best_epoch=None, minutes=1.0, stopped=None
)
PROTOCOL = Protocol("made-up", "a model", "a paper", "log_likelihood", -90.2, "so", "nothing")


@pytest.mark.parametrize("name", names())
def test_every_result_says_what_it_is_and_its_configuration_is_read(name, capsys):
    protocol = read_protocol(name)
    assert protocol.within > 0
    assert protocol.within_reason or protocol.within == 0.5
    if not protocol.script:
        assert pyrovae(["train", "--config", str(protocol.config), "--print_config"]) == 0
        assert "class_path: pyrovae." in capsys.readouterr().out


def test_rows_and_page_are_of_results_there_are():
    kept = rows.read_rows()
    assert {row["name"] for row in kept} <= set(names())
    for row in kept:
        protocol = read_protocol(row["name"])
        assert (row["published"], row["what"]) == (protocol.published, protocol.what)
    text = (HERE / "docs" / "results" / "how_good_is_it.md").read_text()
    made = text.partition(page.BEGIN)[2].partition(page.END)[0]
    assert page.table(kept) in made


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A result that trains in a moment."""
    folder = tmp_path / "protocols" / "tiny"
    folder.mkdir(parents=True)
    said = {"what": "tiny", "source": "us", "quantity": "elbo", "published": -20.0}
    said |= {"protocol": "so", "differs": "nothing"}
    (folder / "result.yaml").write_text(json.dumps(said))
    network = {"class_path": "MLP", "init_args": {"hidden": [4]}}
    config = {"latent_features": 2, "encoder": network, "decoder": network}
    config |= {"epochs": 2, "samples": 4, "compile": False}
    (folder / "train.yaml").write_text(json.dumps(config))
    monkeypatch.setattr(protocols, "PROTOCOLS", tmp_path / "protocols")
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    return read_protocol("tiny")


def test_a_run_that_was_stopped_goes_on_to_its_end(tiny, tmp_path, capfd):
    folder, root = tmp_path / "runs" / "tiny", tmp_path / "nothing"
    train(tiny, folder / "seed-0", seed=0, root=root, budget=0)
    assert measure(tiny, folder / "seed-0") is None
    # Far too little: it is stopped wherever it is.
    train(tiny, folder / "seed-0", seed=0, root=root, budget=1e-3)
    options = {"root": root, "runs": tmp_path / "runs", "out": tmp_path / "rows"}
    command.main(["tiny"], **options)
    (row,) = rows.read_rows(tmp_path / "rows")
    assert row["epochs"] == [2]
    assert not row["unfinished"]
    assert [*row["runs"]] == ["0"]
    assert row["samples"] == 4
    # The bound is the one of the report; the two are of other draws.
    report = json.loads((folder / "seed-0" / "report.json").read_text())
    error = 10 * (row["runs"]["0"]["mc_se"] + report["log_likelihood"]["mc_se"])
    assert row["value"] == pytest.approx(report["elbo"], abs=error)
    # Nothing is trained again, and no report is made again.
    written = (folder / "seed-0" / "report.json").stat().st_mtime_ns
    command.main(["tiny"], **options)
    assert (folder / "seed-0" / "report.json").stat().st_mtime_ns == written
    # A report that is lacking, as of a run that was stopped, is made.
    (folder / "seed-0" / "report.json").unlink()
    assert measure(tiny, folder / "seed-0").value == row["value"]
    again = json.loads((folder / "seed-0" / "report.json").read_text())
    assert again == report


def test_m2_goes_on_and_keeps_the_epoch_that_is_best_on_validation_data(tmp_path):
    sizes = {"data": "digits", "validation": 100, "labelled": 50, "latents": 2, "hidden": 4}
    options = sizes | {"seed": 0, "root": tmp_path, "epochs": 3, "weight": 46.0}
    assert m2.run(tmp_path / "m2", budget=0, **options) is None
    m2.run(tmp_path / "m2", budget=1e-9, **options)  # stops after a step
    number = m2.run(tmp_path / "m2", budget=None, **options)
    found = json.loads((tmp_path / "m2" / "accuracies.json").read_text())
    assert number.epochs == number.planned == len(found) == 3
    best = found[number.best_epoch - 1]
    assert best["validation"] == max(row["validation"] for row in found)
    assert number.value == best["test"]
    # The same numbers as without a stop.
    whole = m2.run(tmp_path / "whole", budget=None, **options)
    assert (whole.value, whole.also) == (number.value, number.also)
    assert m2.run(tmp_path / "m2", budget=0, **options) == number


def test_quadrants_go_on_from_either_stage(tmp_path):
    sizes = {"data": "digits", "hidden": 4, "latents": 2, "patience": 9, "samples": 4}
    options = sizes | {"seed": 0, "root": tmp_path, "epochs": 2, "given": 2}
    assert quadrants.run(tmp_path / "q", budget=0, **options) is None
    assert quadrants.run(tmp_path / "q", budget=1e-9, **options) is None
    number = quadrants.run(tmp_path / "q", budget=None, **options)
    assert number.epochs == number.planned == 2
    assert number.samples == 4
    whole = quadrants.run(tmp_path / "whole", budget=None, **options)
    assert (whole.value, whole.data_se) == (number.value, number.data_se)
    assert quadrants.run(tmp_path / "q", budget=0, **options) == number


def test_a_command_that_fails_is_told(tiny, tmp_path, capfd):
    tiny.config.write_text(json.dumps({"epochs": "many"}))  # refused before torch is loaded
    with pytest.raises(Failed, match="ended with exit code 2"):
        train(tiny, tmp_path / "run", seed=0, root=tmp_path / "nothing", budget=None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "reached"),
        ({"value": -92.0}, "short by 1.80"),
        ({"value": -88.0}, "better by 2.20"),
        ({"value": -92.0, "epochs": 2}, "short by 1.80, stopped before the end of its budget"),
        ({"epochs": 2, "stopped": "no better epoch"}, "reached"),
    ],
)
def test_verdict(changes, expected):
    row = rows.make_row(PROTOCOL, {0: replace(NUMBER, **changes)})
    assert page.verdict(row) == expected


def test_lower_is_better_for_losses_and_bits():
    for quantity in ("loss", "bits_per_dim"):
        protocol = replace(PROTOCOL, quantity=quantity, published=5.0)
        row = rows.make_row(protocol, {0: replace(NUMBER, value=7.0)})
        assert page.verdict(row).startswith("short by 2.00")


def test_errors_of_a_mean_over_seeds():
    numbers = {0: NUMBER, 1: replace(NUMBER, value=-91.0), 2: replace(NUMBER, value=-92.0)}
    row = rows.make_row(PROTOCOL, numbers)
    assert row["value"] == -91.0
    assert row["mc_se"] == pytest.approx(0.1 / 3**0.5)  # independent draws
    assert row["data_se"] == 0.5  # the same data
    assert row["seed_se"] == pytest.approx(1 / 3**0.5)
    assert rows.make_row(PROTOCOL, {0: NUMBER})["seed_se"] is None
    with pytest.raises(ValueError, match="made-up: expected at least one run"):
        rows.make_row(PROTOCOL, {})


def test_the_page_keeps_what_stands_around_the_table(tmp_path):
    row = rows.make_row(PROTOCOL, {0: NUMBER})
    file = tmp_path / "page.md"
    file.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n")
    for _ in range(2):
        page.write_page(file, [row], [PROTOCOL])
        text = file.read_text()
        assert text.startswith(f"before\n{page.BEGIN}")
        assert text.endswith(f"{page.END}\nafter\n")
        assert "old" not in text
        assert text.count("`made-up`: a model") == 1
        assert "\n## made-up\n" in text
    file.write_text("no place")
    with pytest.raises(ValueError, match="between which the table stands"):
        page.write_page(file, [row], [PROTOCOL])


def test_the_command_line_lists_and_refuses(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["published", *words])
        run_script(command.main)

    run("--list")
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == names()
    with pytest.raises(SystemExit, match="2"):
        run("no-such-result", "--budget", "0")
    assert "expected a result among" in capsys.readouterr().err
