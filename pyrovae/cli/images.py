"""What ``pyrovae sample`` and ``pyrovae reconstruct`` write: a figure, or an array."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from pyrovae.cli.errors import UsageError
from pyrovae.cli.figures import save_figure
from pyrovae.cli.saying import say
from pyrovae.files import atomic, check_writable

__all__ = ["check_out", "write_reconstructions", "write_samples"]

Values = Tensor | dict[str, Tensor]
MOST_IN_A_FIGURE = 2500
AT_ONCE = 1000


def check_out(out: str | None, n: int) -> None:
    """Raises where so many data cannot be written to a file of that name.

    Raises:
        UsageError: If the ending is unknown, or a figure would have too many images.
    """
    ending = ".png" if out is None else Path(out).suffix
    if ending not in (".png", ".npy", ".npz"):
        raise UsageError("--out", "a file name that ends in .png, .npy or .npz", out)
    if ending == ".png" and n > MOST_IN_A_FIGURE:
        raise UsageError("--n", f"at most {MOST_IN_A_FIGURE} in a figure (more in a .npy)", n)


def write_samples(
    model: Any, n: int, out: str | None, folder: Path, *, draw: bool, seed: int
) -> None:
    """Writes samples of a model.

    Args:
        model: The model.
        n: How many.
        out: The file. If left out: a figure in the folder, or a .npz where the model has several
            data sites.
        folder: See there.
        draw: Whether the likelihood is drawn from.
        seed: Seed of the draws.

    Raises:
        UsageError: If the file does not hold what several data sites give.
    """
    check_writable(out or folder / "samples.png")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        first = model.sample(min(n, AT_ONCE), draw=draw)
        path = _file(first, out, folder / "samples.png")
        if path.suffix == ".png":
            from pyrovae import plots

            torch.manual_seed(seed)
            # Asking the model for draws is what --draw changes: the figure draws means.
            save_figure(plots.samples(_Drawing(model) if draw else model, n=n), path)
        else:
            _write(first, lambda k: model.sample(k, draw=draw), n, path)
    say(str(path))


def write_reconstructions(
    model: Any, x: Tensor, out: str | None, folder: Path, *, draw: bool
) -> None:
    """Writes reconstructions of data; the arguments are those of `write_samples`."""
    check_writable(out or folder / "reconstructions.png")
    first, *others = x.split(AT_ONCE)
    parts = iter(others)
    made = model.reconstruct(first, draw=draw)
    path = _file(made, out, folder / "reconstructions.png")
    if path.suffix == ".png":
        from pyrovae import plots

        save_figure(plots.reconstructions(_Drawing(model) if draw else model, x), path)
    else:
        _write(made, lambda _: model.reconstruct(next(parts), draw=draw), len(x), path)
    say(str(path))


def _file(made: Values, out: str | None, figure: Path) -> Path:
    """The file that holds what a model gave."""
    if out is None:
        return figure.with_suffix(".npz") if isinstance(made, dict) else figure
    if isinstance(made, dict) and Path(out).suffix != ".npz":
        raise UsageError("--out", f"a .npz file for several data sites ({', '.join(made)})", out)
    return Path(out)


def _write(first: Values, make: Callable[[int], Values], n: int, out: Path) -> None:
    """Writes n values in an array, or in an archive with an array for each data site."""
    if out.suffix == ".npy":
        _write_array(cast(Tensor, first), cast(Callable[[int], Tensor], make), n, out)
        return
    parts = [_by_site(first)]
    for start in range(len(next(iter(parts[0].values()))), n, AT_ONCE):
        parts.append(_by_site(make(min(AT_ONCE, n - start))))
    arrays = {site: torch.cat([part[site] for part in parts]).numpy() for site in parts[0]}
    with atomic(out) as temporary:
        np.savez(temporary, **arrays)  # type: ignore[arg-type]


def _by_site(values: Values) -> dict[str, Tensor]:
    named = values if isinstance(values, dict) else {"x": values}
    return {site: value.cpu() for site, value in named.items()}


def _write_array(first: Tensor, make: Callable[[int], Tensor], n: int, target: Path) -> None:
    """Writes n values, made some at a time, none of which stays in memory."""
    first = first.cpu()
    target.parent.mkdir(parents=True, exist_ok=True)
    wanted = n * first[0].numel() * first.element_size()
    free = os.statvfs(target.parent) if hasattr(os, "statvfs") else None
    if free is not None and wanted > free.f_bavail * free.f_frsize:
        raise UsageError(
            "--n", f"fewer, because the disk has too little room ({_gib(wanted)} needed)", n
        )
    with atomic(target) as temporary:
        shape = (n, *first.shape[1:])
        dtype = first.numpy().dtype
        array = np.lib.format.open_memmap(temporary, mode="w+", dtype=dtype, shape=shape)
        array[: len(first)] = first.numpy()
        for start in range(len(first), n, AT_ONCE):
            some = make(min(AT_ONCE, n - start)).cpu().numpy()
            array[start : start + len(some)] = some
        array.flush()
        del array


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


class _Drawing:
    """A model whose samples and reconstructions are draws."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def sample(self, n: int) -> Any:
        return self._model.sample(n, draw=True)

    def reconstruct(self, x: Tensor) -> Any:
        return self._model.reconstruct(x, draw=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)
