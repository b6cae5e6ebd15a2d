"""What is measured: held-out log p(x), imputation, and rows that stand in for real ones."""

import warnings

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer

from benchmarks.tables.data import TARGETS, load, lose, made_log_density
from benchmarks.tables.models import Columns, Table, mixture_score

__all__ = ["densities", "imputation", "synthesis"]

Row = dict[str, float | str]


def densities(name: str, *, seed: int, epochs: int, samples: int, rows: int) -> Row:
    """Held-out log p(x), nats a row.

    Of the bundled tables the columns of numbers alone, all taken as real, which a Gaussian mixture
    has a density of, too; of the made one all columns, of all kinds.
    """
    train, test = load(name, seed=seed, rows=rows)
    kinds = None
    if name != "made":
        train, test = (_numbers(frame) for frame in (train, test))
        kinds = dict.fromkeys(train.columns, "real")
    table = Table(train, kinds, seed=seed, epochs=epochs)
    found: Row = {
        "VAE": float(table.log_density(test, samples=samples).mean()),
        "independent columns": float(Columns(train, table.columns).log_density(test).mean()),
    }
    if name == "made":
        return found | {"true": float(made_log_density(test).mean())}
    value, which = mixture_score(train, test, seed=seed)
    return found | {"Gaussian mixture": value, "which mixture": which}


def _numbers(frame: pd.DataFrame) -> pd.DataFrame:
    numbers = frame.select_dtypes("number")
    return numbers.loc[:, numbers.nunique() > 2].astype(float)


def imputation(
    name: str, share: float, how: str, *, seed: int, epochs: int, samples: int, rows: int
) -> dict[str, Row]:
    """Errors of imputed values: of numbers in standard deviations, of levels their share."""
    train, test = load(name, seed=seed, rows=rows)
    kept = {
        frame_name: lose(frame, share, how, seed=seed + i)
        for i, (frame_name, frame) in enumerate({"train": train, "test": test}.items())
    }
    table = Table(kept["train"], _kinds(train), seed=seed, epochs=epochs)
    filled = {"VAE": table.impute(kept["test"], samples=samples)}
    levelled = [column.name for column in table.columns if column.levels is not None]
    for imputer in (None, IterativeImputer(max_iter=10, random_state=seed), KNNImputer()):
        label = "mean and mode" if imputer is None else type(imputer).__name__
        filled[label] = _by_numbers(kept["train"], kept["test"], levelled, imputer)
    return {
        label: _errors(frame, train, test, kept["test"], levelled)
        for label, frame in filled.items()
    }


def _kinds(frame: pd.DataFrame) -> dict[str, str]:
    """Whole numbers with gaps look like others; what they are is taken from the full table."""
    from pyrovae import load_data

    columns = load_data(frame).columns or ()
    return {column.name: column.kind for column in columns}


def _by_numbers(
    train: pd.DataFrame, test: pd.DataFrame, levelled: list[str], imputer: object
) -> pd.DataFrame:
    """Imputes standardised numbers and one-hot levels, of which the largest is taken.

    The first level is one minus the others: a column that the others determine would keep
    IterativeImputer at what it began with.
    """
    mean, std = train.drop(columns=levelled).mean(), train.drop(columns=levelled).std()
    parts = [[(frame.drop(columns=levelled) - mean) / std] for frame in (train, test)]
    levels = {}
    for column in levelled:
        levels[column] = sorted(train[column].dropna().unique())
        for frame, part in zip((train, test), parts, strict=True):
            hot = pd.DataFrame(
                {f"{column}={v}": (frame[column] == v) * 1.0 for v in levels[column][1:]}
            )
            part.append(hot.mask(frame[column].isna()))
    x, y = (pd.concat(part, axis=1) for part in parts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that ten rounds were not enough
        full = (
            y.fillna(x.mean())
            if imputer is None
            else pd.DataFrame(imputer.fit(x).transform(y), columns=y.columns)  # type: ignore[attr-defined]
        )
    filled = test.copy()
    for column in mean.index:
        filled[column] = test[column].fillna(full[column] * std[column] + mean[column])
    for column in levelled:
        rest = full[[f"{column}={v}" for v in levels[column][1:]]].to_numpy()
        hot = np.column_stack([1 - rest.sum(1), rest])
        best = pd.Series(np.array(levels[column], dtype=object)[hot.argmax(1)], index=test.index)
        filled[column] = test[column].where(test[column].notna(), best)
    return filled


def _errors(
    filled: pd.DataFrame,
    train: pd.DataFrame,
    test: pd.DataFrame,
    kept: pd.DataFrame,
    levelled: list[str],
) -> Row:
    gaps, numbers = kept.isna(), [name for name in test if name not in levelled]
    apart = ((filled[numbers].astype(float) - test[numbers]) / train[numbers].std()) ** 2
    wrong = (filled[levelled] != test[levelled]).to_numpy()
    return {
        "numbers": float(np.sqrt(apart.to_numpy()[gaps[numbers].to_numpy()].mean())),
        "levels": float(wrong[gaps[levelled].to_numpy()].mean()),
    }


def synthesis(name: str, *, seed: int, epochs: int, rows: int) -> Row:
    """Accuracy on real test rows of a forest that was trained on real or on synthetic ones."""
    train, test = load(name, seed=seed, rows=rows)
    table = Table(train, seed=seed, epochs=epochs)
    random = np.random.default_rng(seed)
    shuffled = train.apply(lambda c: random.permutation(c.to_numpy()))
    sources = {"real": train, "VAE": table.draw(len(train)), "independent columns": shuffled}
    peer = _tvae(train, [c.name for c in table.columns if c.levels], seed=seed, epochs=epochs)
    if peer is not None:
        sources["ctgan's TVAE"] = peer
    found: Row = {}
    for label, drawn in sources.items():
        found[label] = _accuracy(drawn, test, TARGETS[name], seed=seed)
    found["most frequent"] = float((test[TARGETS[name]] == train[TARGETS[name]].mode()[0]).mean())
    return found


def _tvae(
    train: pd.DataFrame, levelled: list[str], *, seed: int, epochs: int
) -> pd.DataFrame | None:
    """Rows of ctgan's TVAE; None where it is not installed."""
    try:
        from ctgan import TVAE
    except ImportError:
        return None
    model = TVAE(epochs=epochs)
    model.set_random_state(seed)
    model.fit(train, levelled)
    drawn: pd.DataFrame = model.sample(len(train))
    return drawn


def _accuracy(rows: pd.DataFrame, test: pd.DataFrame, target: str, *, seed: int) -> float:
    both = pd.get_dummies(pd.concat([rows, test]).drop(columns=target)).to_numpy(dtype=float)
    x, y = both[: len(rows)], both[len(rows) :]
    forest = RandomForestClassifier(200, random_state=seed).fit(x, rows[target])
    return float(forest.score(y, test[target]))
