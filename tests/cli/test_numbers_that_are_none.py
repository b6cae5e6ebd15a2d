"""What is no number takes no report's place, and has a word of its own in JSON."""

import dataclasses
import json
import math

import pytest

from pyrovae.cli import main
from pyrovae.cli.json_file import write_json


@pytest.mark.parametrize("factor", ["1e308", "1e-30"])
def test_a_guide_of_an_absurd_width_leaves_the_report_alone(factor, copied, capsys):
    before = (copied / "report.json").read_bytes()
    command = ["evaluate", str(copied), "--samples", "3", "--wider"]
    assert main([*command, factor]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("pyrovae: wider: expected a factor for which log p(x) is finite")
    assert said.err.count("\n") == 1
    assert (copied / "report.json").read_bytes() == before
    assert main([*command, "1.5"]) == 0
    assert json.loads((copied / "report.json").read_text())["wider"] == 1.5


@dataclasses.dataclass
class Scores:
    value: float
    each: tuple[float, ...]


def test_nan_is_null_in_json(tmp_path):
    scores = Scores(math.nan, (0.5, math.nan))
    write_json(tmp_path / "x.json", {"scores": scores, "ess": {"z": [math.nan, 1]}, "elbo": -1.0})

    def refuse(word):
        raise AssertionError(word)

    assert json.loads((tmp_path / "x.json").read_text(), parse_constant=refuse) == {
        "scores": {"value": None, "each": [0.5, None]},
        "ess": {"z": [None, 1]},
        "elbo": -1.0,
    }
