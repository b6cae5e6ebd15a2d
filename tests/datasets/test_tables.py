"""Tables: what their columns are taken for, what becomes of their values, and back again."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tables import KINDS, people

from pyrovae.columns import Column
from pyrovae.datasets import as_frame, fill_frame, load_data, read_rows

WHOLE = {"validation": 0, "test": 0}


def kinds(data):
    return {column.name: column.kind for column in data.columns}


def column(values, **options):
    """The column that a table of one becomes."""
    return load_data(pd.DataFrame({"a": values}), **WHOLE, **options).columns[0]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_files_hold_the_same_as_frames(tmp_path, ending, gaps):
    frame, path = people(gaps=gaps), tmp_path / f"people.{ending}"
    frame.to_csv(path, index=False) if ending == "csv" else frame.to_parquet(path)
    data, same = load_data(str(path)), load_data(frame)
    assert kinds(data) == kinds(same) == KINDS
    assert data.name == "people"
    assert [len(s) for s in (data.train, data.validation, data.test)] == [160, 20, 20]
    for a, b in zip(data.train.take(160), same.train.take(160), strict=True):
        assert torch.equal(a, b)
    assert data.describe()["columns"] == KINDS


def test_values_are_in_their_own_units():
    frame = people()
    x, *rest = load_data(frame, **WHOLE).train.tensors
    assert not rest  # nothing is missing
    assert x[:, 0].tolist() == pytest.approx(frame["height"].tolist())
    assert x[:, 2].tolist() == frame["visits"].tolist()
    assert x[:, 3].tolist() == [["no", "yes"].index(v) for v in frame["member"]]
    assert x[:, 4].tolist() == [["blue", "green", "red"].index(v) for v in frame["colour"]]
    assert (x[:, 5] + 1).tolist() == frame["grade"].tolist()


def test_gaps_are_in_the_mask_of_every_split():
    frame = people(gaps=0.3)
    data = load_data(frame, validation=0.2, test=0.2)
    for split in (data.train, data.validation, data.test):
        x, mask = split.tensors
        assert mask.dtype == torch.bool
        assert x.isfinite().all()
    x, mask = load_data(frame, **WHOLE).train.tensors
    assert torch.equal(mask, torch.from_numpy(frame.notna().to_numpy()))


def test_moments_are_those_of_the_training_data_alone():
    frame = people(gaps=0.2)
    data = load_data(frame)
    x, mask = data.train.tensors
    scales = (lambda v: v, torch.log, torch.log1p)
    for i, scale in enumerate(scales):
        values = scale(x[mask[:, i], i].double())
        assert data.columns[i].loc == pytest.approx(values.mean().item(), rel=1e-5)
        assert data.columns[i].scale == pytest.approx(values.std(correction=0).item(), rel=1e-5)
    assert data.columns[0].loc != load_data(frame, data_seed=1).columns[0].loc


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.5, -1.0, 2.0], "real"),
        ([1.5, 1.6, 40.0, 1.7, 1.5, 1.6], "positive"),
        ([0, 3, 1, 9, 0, 0], "count"),
        ([1999, 2003, 2001, 2001], "real"),  # a count varies more
        ([1, 2, 3, 2, 1], "ordinal"),
        ([True, False, True], "binary"),
        ([7, 9, 7], "binary"),
        (["b", "a", "c"], "categorical"),
        ([5.0, 5.0, 5.0], "categorical"),  # of one level
        (pd.Categorical(["s", "l", "m"], ["s", "m", "l"], ordered=True), "ordinal"),
        (pd.Categorical(["s", "s", "m"], ["s", "m", "l"]), "categorical"),
    ],
)
def test_kinds_are_guessed(values, expected):
    assert column(values).kind == expected


def test_levels_have_an_order():
    assert column(pd.Categorical(["s", "l"], ["s", "m", "l"], ordered=True)).levels == (
        "s",
        "m",
        "l",
    )
    assert column(["s", "l", "m"], columns="a=s<m<l").levels == ("s", "m", "l")
    assert column([3, 1, 2, 5], columns={"a": "ordinal"}).levels == (1, 2, 3, 5)
    assert column([3, 1, 2, 3], columns="a=3<2<1").levels == (3, 2, 1)
    assert column([1.0, None, 2.0]).levels == (1, 2)


def test_kinds_are_what_was_asked_for():
    data = load_data(people(), columns="grade=count, visits=real,colour=ignore")
    asked = {"grade": "count", "visits": "real"}
    assert kinds(data) == {k: v for k, v in (KINDS | asked).items() if k != "colour"}


@pytest.mark.parametrize(
    ("frame", "columns", "message"),
    [
        ({"a": ["x y"] * 9 + [str(i) for i in range(60)]}, None, "'a' is text of 61 .*a=ignore"),
        ({"a": ["2020-01-02", "2021-11-30"]}, None, "'a' holds dates.*days since"),
        ({"a": pd.to_datetime(["2020-01-02", "2021-11-30"])}, None, "'a' holds dates"),
        ({"a": [None, None], "b": [1, 2]}, None, "'a' holds nothing: leave it out"),
        ({"a": range(1, 30)}, None, "'a' numbers the rows: leave it out"),
        ({"a": ["s", "m", "l"]}, "a=ordinal", "'a' is text, whose order.*a=l<m<s"),
        ({"a": ["s", "m", "l"]}, "a=s<m", "'a': expected one of s, m, got 'l'"),
        ({"a": ["s", "m", "l"]}, "a=real", "'a': expected numbers, got 's'"),
        ({"a": [0.0, 1.5, 2.0]}, "a=positive", "'a': expected numbers above 0, got 0"),
        ({"a": [0.0, 1.5, 2.0]}, "a=count", "'a': expected whole numbers .*, got 1.5"),
        ({"a": [0, 2**24]}, "a=count", "'a': expected counts below 16777216.*a=positive"),
        ({"a": [1.0, float("inf"), 2.0]}, None, "'a': expected finite numbers"),
        ({"a": [1e9, 1e9 + 1, 1e9 + 2.5]}, None, "'a': single precision .*subtract an offset"),
        ({"a": [1, 2, 3]}, "a=binary", "'a': expected 2 values for binary, got 3"),
        ({"a": [1.0, 2.5, 3]}, "b=real", "columns: frame has no column 'b', but a"),
        ({"a": [1.0, 2.5, 3]}, "a=date", "expected name=kind with a kind among real.*'a=date'"),
        ({"a": [1.0, 2.5, 3]}, "a", "expected name=kind"),
        ({"a": [1.0, 2.5, 3]}, "a=ignore", "at least one column that is not left out"),
        ({1: [1.0, 2.5, 3]}, None, "strings as names of columns, got 1"),
        ({}, None, "at least one row and one column"),
    ],
)
def test_what_no_column_holds_is_refused_by_name(frame, columns, message):
    with pytest.raises(ValueError, match=message):
        load_data(pd.DataFrame(frame), columns=columns, **WHOLE)


def test_all_that_is_wrong_is_said_at_once():
    frame = people().assign(name=[f"n{i}" for i in range(200)], born="2001-02-03")
    with pytest.raises(ValueError, match=r"column 'name' is text.*; column 'born' holds dates"):
        load_data(frame)
    assert kinds(load_data(frame, columns="name=ignore,born=ignore")) == KINDS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "No columns"),
        ("a,b\n", "at least one row"),
        ("a,b\n1,2,3\n4,5,6\n", "the same number of values in each row"),
        ("a,b\n1,2\n3,4,5\n", "Expected 2 fields in line 3, saw 3"),
        ("a,a\n1,2\n", "different names of columns, got 'a' twice"),
        (",a\n0,1.5\n1,2.5\n", "a column has no name"),
        ("a;b\n1;2\n", "expected columns separated by commas, got semicolons"),
    ],
)
def test_files_that_are_no_table(tmp_path, text, message):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"x\.csv: .*{message}"):
        load_data(str(path))


def test_broken_files_are_refused_in_one_line(tmp_path):
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "x.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    for name in ("x.parquet", "x.csv"):
        with pytest.raises(ValueError, match=rf"{name}: .") as caught:
            load_data(str(tmp_path / name))
        assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError, match="'none.csv', found no such file"):
        load_data("none.csv")


def test_options_of_images_are_refused():
    with pytest.raises(ValueError, match="binarization is for images"):
        load_data(people(), binarization="static")
    with pytest.raises(ValueError, match="columns are only for tables.* for 'digits'"):
        load_data("digits", columns="a=real")


def test_a_frame_comes_back_as_it_was():
    frame = people().assign(
        small=np.arange(200, dtype="int8") % 7,
        half=np.linspace(0, 1, 200, dtype="float32"),
        flag=np.arange(200) % 3 == 0,
        size=pd.Categorical(["s", "m"] * 100, ["s", "m", "l"], ordered=True),
        rare=pd.array([1, 2, 4, 9] * 50, dtype="Int64"),
    )
    data = load_data(frame, **WHOLE)
    again = as_frame(data.train.take(200)[0], data.columns)
    assert (again.dtypes.astype(str) == frame.dtypes.astype(str)).all()
    exact = frame.columns.difference(["height", "income"])
    pd.testing.assert_frame_equal(
        again[exact], frame[exact], check_categorical=False, check_dtype=False
    )
    # Single precision.
    np.testing.assert_allclose(again[["height", "income"]], frame[["height", "income"]], 1e-7)


def test_draws_stay_in_their_types():
    """Whole numbers are whole, in a type that holds them, whatever a model draws."""
    columns = (
        Column("year", "real", whole=True, dtype="int8"),
        Column("age", "positive", whole=True, dtype="int64"),
        Column("price", "positive", dtype="float64"),
        Column("size", "ordinal", levels=("s", "m"), dtype="int64"),
    )
    frame = as_frame(torch.tensor([[2011.4, 0.2, 0.1, 1.0]]), columns)
    assert frame.to_dict("records") == [{"year": 2011, "age": 1, "price": 0.1, "size": "m"}]
    with pytest.raises(ValueError, match=r"rows of shape \(n, 4\), .* got \(2, 3\)"):
        as_frame(torch.zeros(2, 3), columns)


def test_gaps_are_filled_and_nothing_else_is_touched():
    frame = people(gaps=0.4).assign(name=[f"n{i}" for i in range(200)])
    data = load_data(frame, columns="name=ignore", **WHOLE)
    x, _ = data.train.tensors
    filled = fill_frame(frame, x, data.columns)
    assert [*filled.columns] == [*frame.columns]
    assert filled.notna().all().all()
    for name in frame.columns:
        seen = frame[name].notna()
        assert (filled[name][seen] == frame[name][seen]).all()
    assert filled["visits"].dtype == "int64"
    assert set(filled["colour"]) == {"red", "green", "blue"}


def test_rows_are_read_with_a_models_columns():
    frame = people()
    columns = load_data(frame).columns
    rows = frame.iloc[:3][[*frame.columns[::-1]]].assign(more=1)
    (x,) = read_rows(rows, columns).tensors
    assert torch.equal(x, load_data(frame, **WHOLE).train.tensors[0][:3])
    with pytest.raises(ValueError, match="expected a column 'income', but it is missing"):
        read_rows(frame.drop(columns="income"), columns)
    odd = frame.assign(colour="pink", visits=-1)
    with pytest.raises(ValueError, match=r"'visits': .* got -1; column 'colour': .*got 'pink'"):
        read_rows(odd, columns)


def test_known_columns_are_not_guessed_anew():
    frame = people()
    columns = load_data(frame).columns
    assert load_data(frame, columns=columns, data_seed=3).columns == columns


values = st.one_of(
    st.none(),
    st.sampled_from(["red", "green", "=1+1", "no", "NA?"]),
)


@given(
    texts=st.lists(values, min_size=2, max_size=20).filter(lambda v: any(v)),
    seed=st.integers(0, 9),
)
def test_any_levels_come_back(texts, seed):
    numbers = np.random.default_rng(seed).normal(size=len(texts)) * 10.0**seed
    frame = pd.DataFrame({"text": texts, "number": numbers})
    if len(set(numbers)) < len(numbers):
        return
    data = load_data(frame, columns="text=categorical", **WHOLE)
    x, *mask = data.train.tensors
    again = as_frame(x, data.columns)
    seen = frame["text"].notna()
    assert again["text"][seen].tolist() == frame["text"][seen].tolist()
    np.testing.assert_allclose(again["number"], frame["number"], rtol=1e-6)
    assert bool(mask) == (not seen.all())
