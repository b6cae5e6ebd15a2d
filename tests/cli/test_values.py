"""Words become values of the types that signatures ask for."""

from pathlib import Path
from typing import Annotated, Literal

import pytest

from pyrovae.cli.errors import UnknownName, UsageError, nearest
from pyrovae.cli.options import read_arguments
from pyrovae.cli.values import PathLike, Within


def read(annotation, *words):
    def function(*, option=None):
        pass

    function.__annotations__["option"] = annotation
    return read_arguments(function, words, command="test")["option"]


@pytest.mark.parametrize(
    ("annotation", "word", "expected"),
    [
        (int, "12", 12),
        (int, "-3", -3),
        (float, "1e-3", 1e-3),
        (float, "3", 3.0),
        (str, "12", "12"),
        (str, "none", "none"),
        (int | None, "none", None),
        (float | None, "null", None),
        (int | float, "3", 3),
        (int | float, "0.5", 0.5),
        (bool, "true", True),
        (bool, "False", False),
        (bool | Literal["auto"], "auto", "auto"),
        (bool | Literal["auto"], "false", False),
        (float | Literal["learned"], "learned", "learned"),
        (float | Literal["learned"], "0.5", 0.5),
        (list[int], "[400, 200]", [400, 200]),
        (list[int], "[400,200]", [400, 200]),
        (list[int], "400", [400]),
        (list[int], "[]", []),
        (list[str], "a,b", ["a,b"]),
        (tuple[int, ...], "[1, 2]", (1, 2)),
        (tuple[int, float], "[1, 2]", (1, 2.0)),
        (dict[str, float], "{df: 3}", {"df": 3.0}),
        (Path, "~/x", Path("~/x").expanduser()),
        (Annotated[str, PathLike()], "~/x", str(Path("~/x").expanduser())),
        (Annotated[int, Within(1, 3)], "3", 3),
    ],
)
def test_values(annotation, word, expected):
    for words in (["--option", word], [f"--option={word}"]):
        value = read(annotation, *words)
        assert value == expected
        assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("annotation", "word", "said"),
    [
        (int, "1.0", "a whole number"),
        (int, "9" * 5000, "a whole number"),
        (int, "true", "a whole number"),
        (float, "nan", "a finite number"),
        (float | None, "-inf", "a finite number or none"),
        (float, "one", "a number"),
        (bool, "yes", "true or false"),
        (Literal["a", "b"], "c", "one of a, b"),
        (list[int], "[1, x]", "a list such as [1, 2]"),
        (tuple[int, int], "[1, 2, 3]", "a list of 2"),
        (dict[str, float], "[1]", "a mapping"),
        (Annotated[int, Within(1, 3)], "0", "at least 1"),
        (Annotated[int, Within(1, 3)], "4", "at most 3"),
        (str, "", "text"),
    ],
)
def test_what_does_not_fit_is_named(annotation, word, said):
    with pytest.raises(UsageError) as caught:
        read(annotation, f"--option={word}")
    assert caught.value.option == "--option"
    assert said in caught.value.expected
    assert str(caught.value).startswith(f"--option: expected {caught.value.expected}, got")


def test_flags_and_lists():
    def function(noun: str, rest: list[int], *, flag: bool = False, only: list[str] | None = None):
        pass

    def given(*words):
        return read_arguments(function, words, command="test")

    assert given("a", "1", "2") == {"noun": "a", "rest": [1, 2]}
    assert given("--flag", "a", "1") == {"noun": "a", "rest": [1], "flag": True}
    assert given("--flag", "false", "a", "-1") == {"noun": "a", "rest": [-1], "flag": False}
    assert given("a", "1", "--only", "x", "--only=y")["only"] == ["x", "y"]
    assert given("a", "1", "--only", "[x, y]")["only"] == ["x", "y"]
    assert given("--", "--flag", "1") == {"noun": "--flag", "rest": [1]}
    with pytest.raises(UsageError, match="test NOUN"):
        given()
    with pytest.raises(UnknownName) as caught:
        given("a", "1", "--flga")
    assert caught.value.near == ["--flag"]


def test_the_nearest_names():
    known = ["VampPrior", "FlowPrior", "NormalPrior", "VectorQuantizedPosterior"]
    assert nearest("Vamp", known) == ["VampPrior"]
    assert nearest("vampprior", known)[0] == "VampPrior"
    assert nearest("VqmpPrior", known)[0] == "VampPrior"
    assert nearest("xyz", known) == []
    assert nearest("--latent-features", ["--latent_features"]) == ["--latent_features"]
