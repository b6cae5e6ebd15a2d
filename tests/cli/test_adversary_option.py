"""``pyrovae train --adversary``: a game from the command line, gone on with and reported."""

import csv
import json
from pathlib import Path

import pytest
from command_line import quick, same_weights

from pyrovae.checkpoint import read
from pyrovae.cli import main

GAME = [
    *["--adversary", "TotalCorrelationAdversary", "--adversary.weight", "3"],
    *["--discriminator.hidden", "[5]", "--adversary_optimizer.lr", "0.002"],
]


def test_a_game_is_trained_gone_on_with_and_reported(in_tmp, capsys):
    assert main(["train", *quick(epochs=2), *GAME, "--out", "whole"]) == 0
    assert main(["train", *quick(epochs=1), *GAME, "--out", "parts"]) == 0
    assert main(["resume", "parts", "--epochs", "2", "--quiet"]) == 0
    assert same_weights("whole/checkpoint.pt", "parts/checkpoint.pt")
    games = [read(f"{run}/checkpoint.pt")["training"]["adversary"] for run in ("whole", "parts")]
    assert games[0]["weights"].keys() == games[1]["weights"].keys()
    for name, weight in games[0]["weights"].items():
        assert weight.equal(games[1]["weights"][name]), name
    assert games[0]["given"][0]["lr"] == 0.002
    assert games[0]["given"][0]["betas"] == (0.5, 0.9)
    with Path("whole/history.csv").open() as file:
        (row, _) = csv.DictReader(file)
    assert float(row["learning_rate"]) == 0.001
    assert {"adversarial_loss", "adversary_loss"} < row.keys()
    report = json.loads(Path("whole/report.json").read_text())
    assert report["model"]["adversary"] == "TotalCorrelationAdversary(weight=3.0)"
    words = "trained against TotalCorrelationAdversary(weight=3.0): the loss that training lowered"
    assert words in report["warnings"][-1]
    assert words in Path("whole/report.html").read_text()
    capsys.readouterr()
    assert main(["evaluate", "whole", "--samples", "2"]) == 0
    assert words in capsys.readouterr().out


def test_options_of_an_adversary_want_one(in_tmp, capsys):
    for option in (["--discriminator.hidden", "[5]"], ["--adversary_optimizer.lr", "0.1"]):
        assert main(["train", *quick(epochs=1), *option, "--out", "run"]) != 0
        name = option[0].partition(".")[0]
        assert f"{name}: there is no adversary, so omit" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--adversary", "MLP"], "adversary"),
        (["--adversary.network", "MLP"], "--adversary"),
        (
            ["--adversary", "PriorAdversary", "--adversary.weight", "-1"],
            "weight: expected a finite weight",
        ),
        (
            ["--adversary", "PatchAdversary", "--discriminator", "PatchDiscriminator"],
            "expected images of at least 8 x 8",
        ),
    ],
)
def test_what_is_no_adversary_is_refused_in_one_sentence(in_tmp, capsys, options, words):
    extra = ["--discriminator.channels", "[4,4,4,4]"] if "PatchDiscriminator" in options else []
    words = "expected images of at least 16 x 16" if extra else words
    assert main(["train", *quick(epochs=1), *options, *extra, "--out", "run"]) != 0
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_adversaries_are_listed(capsys):
    assert main(["list", "adversaries"]) == 0
    said = capsys.readouterr().out
    for name in ("TotalCorrelation", "Prior", "Feature", "Patch"):
        assert f"{name}Adversary" in said
    assert "Seen" not in said
