"""A run on a table, explored: rows as cells, with what the model says of each level."""

import pytest
import torch
from command_line import quick
from exploring import explorer_of
from tables import KINDS, people

from pyrovae.cli import main


@pytest.fixture(scope="module")
def explorer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explored")
    people(120, gaps=0.3).to_csv(folder / "people.csv", index=False)
    options = ["--columns", "grade=ordinal", "--out", str(folder / "run")]
    assert main(["train", "--data", str(folder / "people.csv"), *quick(epochs=1), *options]) == 0
    return explorer_of(folder / "run")


def test_a_row_is_shown_as_cells(explorer):
    about = explorer.about()
    assert about["kind"] == "table"
    answer = explorer.decode({site["name"]: site["start"] for site in about["sites"]})
    cells = {cell["name"]: cell for cell in answer["data"]["x"]["cells"]}
    assert {name: cell["kind"] for name, cell in cells.items()} == KINDS
    for cell in cells.values():
        if "levels" in cell:
            shares = [level["share"] for level in cell["levels"]]
            assert sum(shares) == pytest.approx(1, abs=0.01)  # of five levels, rounded to 4 digits
            assert cell["text"] == cell["levels"][0]["name"] or cell["kind"] == "ordinal"
        else:
            assert 0 <= cell["share"] <= 1


def test_what_is_missing_is_said(explorer):
    seen = explorer.batch[1]
    row, column = (~seen).nonzero()[0].tolist()
    answer = explorer.encode(row)
    texts = [cell["text"] for cell in answer["datum"]["cells"]]
    assert texts[column] == "missing"
    assert texts.count("missing") == int((~seen[row]).sum())
    assert "missing" not in [cell["text"] for cell in answer["data"]["x"]["cells"]]
    assert torch.isfinite(torch.tensor(list(answer["numbers"].values()))).all()


def test_what_cannot_be_asked_is_said(explorer):
    with pytest.raises(ValueError, match="not images"):
        explorer.draw(b"")
    assert any("no images" in note for note in explorer.about()["notes"])
    assert len(explorer.path(0, 1)) == 9
