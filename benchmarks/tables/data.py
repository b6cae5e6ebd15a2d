"""The tables: three that come with scikit-learn, and one whose joint distribution is known."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

__all__ = ["TABLES", "TARGETS", "load", "lose", "made", "made_log_density"]

#: Each table, and the column that a classifier is to tell from the others.
TARGETS = {
    "diabetes": "progressed",
    "breast cancer": "benign",
    "wine": "cultivar",
    "made": "member",
}
TABLES = tuple(TARGETS)


def load(name: str, *, seed: int, rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A table's rows to train on (three quarters) and to test on; of the made one so many in all."""
    frame = made(rows, seed=seed) if name == "made" else _bundled(name)
    order = np.random.default_rng(seed).permutation(len(frame))
    cut = len(frame) * 3 // 4
    train, test = (frame.iloc[part].reset_index(drop=True) for part in (order[:cut], order[cut:]))
    return train, test


def _bundled(name: str) -> pd.DataFrame:
    from sklearn import datasets

    if name == "diabetes":
        frame = datasets.load_diabetes(as_frame=True, scaled=False).frame
        target = frame.pop("target")
        return frame.assign(progressed=np.where(target > target.median(), "yes", "no"))
    read = datasets.load_breast_cancer if name == "breast cancer" else datasets.load_wine
    frame = read(as_frame=True).frame
    target = frame.pop("target")
    return frame.assign(**{TARGETS[name]: target.map(lambda k: f"class {k}")})


# The made table: a class of three that nobody sees, and given it six independent columns.
CLASS = np.array([0.5, 0.3, 0.2])
HEIGHT = (np.array([160.0, 172.0, 185.0]), np.array([5.0, 4.0, 6.0]))
INCOME = (np.array([9.5, 10.5, 11.0]), np.array([0.4, 0.3, 0.6]))
VISITS = np.array([1.0, 4.0, 12.0])
MEMBER = np.array([0.1, 0.6, 0.9])
COLOUR = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7]])
GRADE = np.array([[0.5, 0.3, 0.1, 0.1], [0.1, 0.4, 0.4, 0.1], [0.05, 0.15, 0.3, 0.5]])
COLOURS = np.array(["red", "green", "blue"])


def made(rows: int, *, seed: int) -> pd.DataFrame:
    """Draws rows of a mixture of three classes, each with six independent columns of all kinds."""
    random = np.random.default_rng(1000 + seed)
    k = random.choice(3, rows, p=CLASS)

    def choose(table: np.ndarray) -> np.ndarray:
        return (random.random((rows, 1)) > table[k].cumsum(1)[:, :-1]).sum(1)

    return pd.DataFrame(
        {
            "height": random.normal(HEIGHT[0][k], HEIGHT[1][k]),
            "income": np.exp(random.normal(INCOME[0][k], INCOME[1][k])),
            "visits": random.poisson(VISITS[k]),
            "member": np.where(random.random(rows) < MEMBER[k], "yes", "no"),
            "colour": COLOURS[choose(COLOUR)],
            "grade": choose(GRADE) + 1,
        }
    )


def made_log_density(frame: pd.DataFrame) -> np.ndarray:
    """The true log p(x) of rows of the made table."""

    def column(values: Any) -> np.ndarray:
        return np.asarray(values)[:, None]

    income = column(frame["income"])
    colour = frame["colour"].map({name: i for i, name in enumerate(COLOURS)}).to_numpy()
    yes = column(frame["member"] == "yes")
    each = (
        stats.norm.logpdf(column(frame["height"]), *HEIGHT)
        + stats.norm.logpdf(np.log(income), *INCOME)
        - np.log(income)
        + stats.poisson.logpmf(column(frame["visits"]), VISITS)
        + np.log(np.where(yes, MEMBER, 1 - MEMBER))
        + np.log(COLOUR.T[colour])
        + np.log(GRADE.T[frame["grade"].to_numpy() - 1])
        + np.log(CLASS)
    )
    found: np.ndarray = np.logaddexp.reduce(each, axis=1)
    return found


def lose(frame: pd.DataFrame, share: float, how: str, *, seed: int) -> pd.DataFrame:
    """A table with a share of its values missing.

    Args:
        frame: The table.
        share: How much is missing of each column.
        how: "at random" (completely), or "by value": the higher of a column's values (levels in
            their order) go missing three times as often as the lower, which no model here is told.
        seed: The seed.
    """
    random = np.random.default_rng(seed)
    chance = np.full(frame.shape, share)
    if how == "by value":
        ranks = frame.apply(lambda c: c.rank(pct=True, method="average")).to_numpy()
        chance = np.where(ranks > np.median(ranks, axis=0), 1.5 * share, 0.5 * share)
    lost = random.random(frame.shape) < chance
    lost[lost.all(1), 0] = False  # no row is empty
    return frame.mask(lost)
