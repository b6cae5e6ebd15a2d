"""What ``pyrovae encode`` writes."""

from pathlib import Path

import numpy as np
from torch import Tensor

from pyrovae.cli.errors import UsageError
from pyrovae.cli.saying import say, write_table
from pyrovae.datasets.cells import is_cells, open_cells
from pyrovae.evaluation import Moments
from pyrovae.files import atomic

__all__ = ["check_codes_file", "write_codes"]

Codes = Tensor | dict[str, Tensor]
ENDINGS = (".npy", ".npz", ".csv", ".h5ad")
#: Under which codes stand in an AnnData.
OBSM = "X_pyrovae"


def check_codes_file(out: str | None, data: str | None) -> None:
    """Raises where the name of a file does not say how codes are to be written.

    Args:
        out: The file.
        data: The file of data that a command names.

    Raises:
        UsageError: If it does not, or a .h5ad is to be written of other data.
    """
    if is_cells(out or "") and not is_cells(data or ""):
        raise UsageError("--out", "a .h5ad file only if --data is one", str(out))
    if out is not None and Path(out).suffix not in ENDINGS:
        raise UsageError("--out", f"a file name that ends in {', '.join(ENDINGS)}", out)


def write_codes(codes: Codes | Moments, out: str, data: str | None = None) -> None:
    """Writes codes, one datum after another.

    A .npy holds ``(N, *latent)``, or ``(2, N, *latent)`` for mean and standard deviation; a .npz
    such arrays by the name of the site, ``_mean`` or ``_std`` appended; a .csv a column for each
    variable. A .h5ad is that of the data with the codes in ``obsm["X_pyrovae"]``, or, where there are
    several arrays, with each by its name behind that.

    Args:
        codes: The codes.
        out: The file.
        data: The .h5ad of the data.

    Raises:
        UsageError: If there are several latents, of which a .npy holds but one.
    """
    moments = {"mean": codes.mean, "std": codes.std} if isinstance(codes, Moments) else {"": codes}
    arrays: dict[str, np.ndarray] = {}
    for moment, found in moments.items():
        for site, values in (found if isinstance(found, dict) else {"z": found}).items():
            arrays[f"{site}_{moment}" if moment else site] = values.numpy()
    ending = Path(out).suffix
    if ending == ".h5ad":
        cells = open_cells(data)
        for name, array in arrays.items():
            cells.obsm[OBSM if len(arrays) == 1 else f"{OBSM}_{name}"] = array
        with atomic(out) as temporary:
            cells.write_h5ad(temporary)
    elif ending == ".csv":
        columns = {
            f"{name}_{i}": column.tolist()
            for name, values in arrays.items()
            for i, column in enumerate(values.reshape(len(values), -1).T)
        }
        n = len(next(iter(columns.values())))
        write_table(
            out,
            [
                {"datum": i} | {name: column[i] for name, column in columns.items()}
                for i in range(n)
            ],
        )
    elif ending == ".npz":
        with atomic(out) as temporary:
            np.savez(temporary, **arrays)  # type: ignore[arg-type]
    elif len(arrays) > len(moments):
        sites = ", ".join(arrays)
        raise UsageError("--out", f"a .npz or .csv file for several latents ({sites})", out)
    else:
        stacked = np.stack(list(arrays.values()))
        with atomic(out) as temporary:
            np.save(temporary, stacked if len(moments) > 1 else stacked[0])
    say(f"{out}: {', '.join(f'{name} {values.shape}' for name, values in arrays.items())}")
