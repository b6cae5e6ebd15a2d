"""YAML as data: what is read, as what, and what is refused in a line."""

import math

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pyrovae.specifications import dump_yaml, parse_yaml, read_yaml

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=12)
numbers = st.integers() | st.floats(allow_nan=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(texts, values, max_size=4))
def test_what_is_written_is_read_again_by_this_reader_and_by_others(options):
    text = dump_yaml(options)
    assert parse_yaml(text, "options") == options
    assert yaml.safe_load(text) == options


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("3", 3),
        ("-3", -3),
        ("010", 10),
        (".5", 0.5),
        ("2.", 2.0),
        (".inf", math.inf),
        ("true", True),
        ("no", "no"),
        ("on", "on"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("null", None),
        ("", None),
        ("'3'", "3"),
        ("[400, 200]", [400, 200]),
        ("{df: 3.0}", {"df": 3.0}),
    ],
)
def test_numbers_and_words_are_read_as_people_write_them(text, value):
    read = parse_yaml(text, "option")
    assert read == value
    assert type(read) is type(value)


FEW = 1000  # values, of which a reader takes some seconds to read as many as may be
LAUGHS = "a: &a [1]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n"
    for a, b in zip("abcdefghij", "bcdefghijk", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{b}: &{b}\n  <<: [{', '.join([f'*{a}'] * 9)}]\n"
    for a, b in zip("abcdefghij", "bcdefghijk", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS,
        MERGES,
        "&a [*a]",
        "a: &x 1\nb: *x",
        "!!python/object/apply:os.system [touch owned]",
        "!!python/name:os.system",
        "!!binary aGVsbG8=",
        "!!set {a, b}",
        "!!timestamp 2024-01-01",
        "{1: 2}",
        "[" * 5000,
        "a: [",
        "a: b: c",
        "a\n---\nb",
        "\x00",
        "9" * 5000,
        "[" + "1," * (FEW + 1) + "]",
        "x" * 2**21,
    ],
    ids=range(18),
)
def test_what_is_no_plain_value_is_refused_in_a_line(text, tmp_path, monkeypatch):
    monkeypatch.setattr("pyrovae.specifications.plain.MOST_VALUES", FEW)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="options") as caught:
        parse_yaml(text, "options")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content", [b"[1, 2]", b"", b"text", b"\xff\xfe\x00", b"a: [", b"x" * 2**21]
)
def test_a_file_that_holds_no_options_is_named(content, tmp_path):
    file = tmp_path / "options.yaml"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"options\.yaml"):
        read_yaml(file)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.yaml"):
        read_yaml(tmp_path / "nowhere.yaml")
