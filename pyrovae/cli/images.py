"""What ``pyrovae sample`` and ``pyrovae reconstruct`` write: a figure, or an array."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyrovae import plots
from pyrovae.cli.errors import UsageError
from pyrovae.cli.figures import save_figure
from pyrovae.cli.saying import say
from pyrovae.files import atomic

__all__ = ["check_out", "write_reconstructions", "write_samples"]

MOST_IN_A_FIGURE = 2500
AT_ONCE = 1000


def check_out(out: str | None, n: int) -> None:
    """Raises where so many data cannot be written to a file of that name.

    Raises:
        UsageError: If the ending is unknown, or a figure would have too many images.
    """
    ending = ".png" if out is None else Path(out).suffix
    if ending not in (".png", ".npy"):
        raise UsageError("--out", "a file name that ends in .png or .npy", out)
    if ending == ".png" and n > MOST_IN_A_FIGURE:
        raise UsageError("--n", f"at most {MOST_IN_A_FIGURE} in a figure (more in a .npy)", n)


def write_samples(
    model: Any, n: int, out: str | os.PathLike[str], *, draw: bool, seed: int
) -> None:
    """Writes samples of a model."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if Path(out).suffix == ".npy":
            _write_array(lambda k: model.sample(k, draw=draw), n, out)
        else:
            # Asking the model for draws is what --draw changes: the figure draws means.
            save_figure(plots.samples(_Drawing(model) if draw else model, n=n), out)
    say(str(out))


def write_reconstructions(
    model: Any, x: Tensor, out: str | os.PathLike[str], *, draw: bool
) -> None:
    """Writes reconstructions of data."""
    if Path(out).suffix == ".npy":
        parts = iter(x.split(AT_ONCE))
        _write_array(lambda _: model.reconstruct(next(parts), draw=draw), len(x), out)
    else:
        save_figure(plots.reconstructions(_Drawing(model) if draw else model, x), out)
    say(str(out))


def _write_array(make: Callable[[int], Tensor], n: int, out: str | os.PathLike[str]) -> None:
    """Writes n values, made some at a time, none of which stays in memory."""
    first = make(min(n, AT_ONCE)).cpu()
    target = Path(out)
    target.parent.mkdir(parents=True, exist_ok=True)
    wanted = n * first[0].numel() * first.element_size()
    free = os.statvfs(target.parent) if hasattr(os, "statvfs") else None
    if free is not None and wanted > free.f_bavail * free.f_frsize:
        raise UsageError("--n", f"no more than the disk has room for ({_gib(wanted)} needed)", n)
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

    def sample(self, n: int) -> Tensor:
        samples: Tensor = self._model.sample(n, draw=True)
        return samples

    def reconstruct(self, x: Tensor) -> Tensor:
        values: Tensor = self._model.reconstruct(x, draw=True)
        return values

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)
