"""The rows of training."""

import csv

import pytest

from pyrovae.training import History

ROWS = [{"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 1.5, "validation_elbo": -1.0}]


def test_it_is_a_sequence_of_rows():
    history = History(ROWS[:1])
    history.append(ROWS[1])
    assert len(history) == 2
    assert list(history) == ROWS
    assert history[-1] == ROWS[1]
    assert history[:1] == ROWS[:1]
    assert "2 epochs" in repr(history)
    assert repr(History()) == "History(0 epochs)"
    with pytest.raises(IndexError):
        history[2]


def test_columns_have_none_where_a_row_lacks_a_value():
    history = History(ROWS)
    assert history.column("loss") == [2.5, 1.5]
    assert history.column("validation_elbo") == [None, -1.0]
    assert history.column("nothing") == [None, None]


def test_it_keeps_rows_of_its_own():
    rows = ROWS[:1]
    History(rows).append(ROWS[1])
    assert len(rows) == 1


def test_it_is_saved_as_a_table(tmp_path):
    path = tmp_path / "new" / "history.csv"
    History(ROWS).save(path)
    with path.open(newline="") as file:
        assert list(csv.DictReader(file)) == [
            {"epoch": "1", "loss": "2.5", "validation_elbo": ""},
            {"epoch": "2", "loss": "1.5", "validation_elbo": "-1.0"},
        ]


@pytest.mark.parametrize("name", ["=cmd()", "+1", "-1", "@sum", "\x1b[31mred", "a\nb"])
def test_a_strangers_column_is_no_formula_and_no_command(name):
    state = History([{"epoch": 1, "loss": 2.0, name: 1.0}]).state_dict()
    with pytest.raises(ValueError, match="rows: expected the name of a column, got") as caught:
        History.from_state(state)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("name", ["epoch", "loss", "learning_rate", "beta", "seconds"])
def test_a_row_has_what_every_row_has(name):
    row = dict.fromkeys(("epoch", "loss", "learning_rate", "beta", "seconds"), 1)
    state = History([row]).state_dict()
    assert list(History.from_state(state)) == [row]
    del state["rows"][0][name]
    with pytest.raises(ValueError, match=r"rows: .*epoch 1"):
        History.from_state(state)


def test_the_table_that_is_written(tmp_path):
    history = History(ROWS)
    history.save(tmp_path / "history.csv")
    assert (tmp_path / "history.csv").read_bytes() == history.to_csv().encode()
