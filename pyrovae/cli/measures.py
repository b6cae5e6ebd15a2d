"""What the commands share that measure latents, codes and samples."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyrovae.cli.errors import UsageError
from pyrovae.cli.images import AT_ONCE
from pyrovae.cli.runs import Run
from pyrovae.cli.saying import write_table
from pyrovae.datasets import FactorSplit, Split
from pyrovae.evaluation import LatentVariables
from pyrovae.latent_space.codes import one_site
from pyrovae.sample_quality import FeatureNetwork
from pyrovae.scope import isolated

__all__ = [
    "encoder_of",
    "factors_of",
    "samples_of",
    "write_variables",
]

DIGITS = 12  # of a digest, as many as people compare


def write_variables(path: str, found: Mapping[str, LatentVariables]) -> None:
    """Writes a row for each variable of each latent; what is undefined is left empty.

    Raises:
        ValueError: If all is undefined, as it is of one datum where densities do not factorise.
    """
    rows = []
    for site, variables in found.items():
        size = len(variables.kl or variables.variance or ())
        undefined = [""] * size
        columns = {
            "kl": variables.kl,
            "data_se": variables.data_se,
            "variance": variables.variance,
        }
        for d in range(size):
            told = {name: (values or undefined)[d] for name, values in columns.items()}
            rows.append(
                {"site": site, "variable": d, **told, "active": int(d in variables.active)}
            )
    if not rows:
        raise ValueError(
            "latents: expected at least two data, because posterior or prior do not factorise, "
            "got one"
        )
    write_table(path, rows)


def factors_of(split: Split, file: str | None) -> tuple[Tensor, tuple[int, ...]]:
    """The levels of the factors of some data, and which factors are in no order.

    Raises:
        ValueError: If the data have no factors and no file is given, or it does not hold them.
    """
    if file is None:
        if not isinstance(split, FactorSplit):
            raise ValueError(
                "these data have no known factors: give them with --factors levels.npy"
            )
        shape = (split.factor_names.index("shape"),) if "shape" in split.factor_names else ()
        return split.factors, shape
    try:
        levels = np.load(file, allow_pickle=False)
    except (ValueError, EOFError):
        levels = None
    if not isinstance(levels, np.ndarray) or levels.ndim != 2 or levels.dtype.kind not in "iu":
        raise UsageError("--factors", "a .npy array of integers with a row for each datum", file)
    return torch.from_numpy(levels.astype(np.int64)), ()


def encoder_of(run: Run, device: str) -> FeatureNetwork:
    """The encoder of a run as a network of features, by the run's name and its weights' digest."""
    model = run.model(device)

    def encode(x: Tensor) -> Tensor:
        codes = model.encode(x)
        parts = codes.values() if isinstance(codes, Mapping) else [codes]
        return torch.cat([part.flatten(1).cpu() for part in parts], dim=1)

    digest = run.weights()[:DIGITS]
    return FeatureNetwork(encode, name=f"encoder of {run.folder.resolve().name}", version=digest)


def samples_of(model: Any, n: int, *, draw: bool, seed: int) -> Tensor:
    """Samples of a model with one data site, some at a time."""
    with isolated(model.device, seed):
        sizes = [min(AT_ONCE, n - start) for start in range(0, n, AT_ONCE)]
        return torch.cat([one_site(model.sample(size, draw=draw)).cpu() for size in sizes])
