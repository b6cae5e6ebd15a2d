"""The models that are compared: the library's, and those that scikit-learn or few lines give."""

from typing import Any

import numpy as np
import pandas as pd
import pyro
import torch
from scipy import stats
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from pyrovae import fit, load_data, score
from pyrovae.datasets import as_frame, fill_frame, read_rows
from pyrovae.likelihoods import ColumnsLikelihood
from pyrovae.models import MissingDataVAE
from pyrovae.nn import MLP, Chain, ColumnFeatures
from pyrovae.objectives import ImportanceWeightedELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

__all__ = ["Columns", "Table", "mixture_score"]


class Table:
    """A MissingDataVAE of a table, with the same sizes and budget whatever the table.

    Args:
        frame: The rows to train on, of which a sixth is kept to stop by.
        columns: What columns hold, where it is not to be guessed.
        seed: Of all that is random.
        epochs: At most.
    """

    def __init__(
        self, frame: pd.DataFrame, columns: dict[str, str] | None = None, *, seed: int, epochs: int
    ) -> None:
        data = load_data(frame, columns=columns, validation=1 / 6, test=0, data_seed=seed)
        assert data.columns is not None
        self.columns = data.columns
        latents, hidden = min(10, len(self.columns)), [64]
        pyro.set_rng_seed(seed)
        features = ColumnFeatures(self.columns, mask=True)
        posterior = NormalPosterior(
            Chain([features, MLP(features.out_shape, hidden, 2 * latents)])
        )
        shape = ColumnsLikelihood.network_shape(data.shape, columns=self.columns)
        likelihood = ColumnsLikelihood(MLP(latents, hidden, shape), self.columns)
        self.vae = MissingDataVAE(NormalPrior(latents), posterior, likelihood)
        self.history = fit(
            self.vae,
            data,
            objective=ImportanceWeightedELBO(num_particles=5),
            optimizer=lambda parameters: torch.optim.Adam(parameters, lr=5e-3),
            epochs=epochs,
            batch_size=128,
            patience=30,
            progress=False,
            compile=False,
        )

    def log_density(self, frame: pd.DataFrame, *, samples: int) -> np.ndarray:
        """Log p(x) of each row, in the columns' units."""
        scores = score(self.vae, read_rows(frame, self.columns), samples=samples, compile=False)
        assert scores.log_likelihood is not None
        return scores.log_likelihood.numpy()

    def impute(self, frame: pd.DataFrame, *, samples: int) -> pd.DataFrame:
        """The table with its gaps filled."""
        x, mask = read_rows(frame, self.columns).tensors
        filled: pd.DataFrame = fill_frame(
            frame, self.vae.impute(x, mask, samples=samples), self.columns
        )
        return filled

    def draw(self, rows: int) -> pd.DataFrame:
        """Synthetic rows."""
        drawn: pd.DataFrame = as_frame(self.vae.sample(rows, draw=True), self.columns)
        return drawn


class Columns:
    """Independent columns, each of the family that `ColumnsLikelihood` has for it.

    Args:
        frame: The rows to train on.
        columns: The columns.
    """

    def __init__(self, frame: pd.DataFrame, columns: Any) -> None:
        self.columns, self.frame = columns, frame

    def log_density(self, frame: pd.DataFrame) -> np.ndarray:
        """Log p(x) of each row."""
        total = np.zeros(len(frame))
        for column in self.columns:
            total += self._one(column, self.frame[column.name], frame[column.name])
        return total

    @staticmethod
    def _one(column: Any, seen: pd.Series, new: pd.Series) -> np.ndarray:
        if column.levels is not None:  # one is added to each: a level may not have been seen
            counts = np.array([1 + (seen == level).sum() for level in column.levels])
            places = new.map({level: i for i, level in enumerate(column.levels)}).to_numpy()
            return np.log(counts / counts.sum())[places]
        x, y = seen.to_numpy(dtype=float), new.to_numpy(dtype=float)
        if column.kind == "real":
            return stats.norm.logpdf(y, x.mean(), x.std())
        if column.kind == "positive":
            log = np.log(x)
            return stats.norm.logpdf(np.log(y), log.mean(), log.std()) - np.log(y)
        mean, excess = x.mean(), max((x.var() - x.mean()) / x.mean() ** 2, 1e-6)
        return stats.nbinom.logpmf(y, 1 / excess, 1 / (1 + excess * mean))


def mixture_score(train: pd.DataFrame, test: pd.DataFrame, *, seed: int) -> tuple[float, str]:
    """Log p(x) of numbers under the best of twelve Gaussian mixtures, and which that is.

    A sixth of the training data chooses the number of components and their covariances.
    """
    scaler = StandardScaler().fit(train)
    x, y = scaler.transform(train), scaler.transform(test)
    cut = len(x) * 5 // 6
    fitted = {
        f"{k} {kind}": GaussianMixture(
            k, covariance_type=kind, reg_covar=1e-3, n_init=3, random_state=seed
        ).fit(x[:cut])
        for k in (1, 2, 3, 5)
        for kind in ("full", "tied", "diag")
    }
    best = max(fitted, key=lambda name: fitted[name].score(x[cut:]))
    return float(fitted[best].score(y) - np.log(scaler.scale_).sum()), best
