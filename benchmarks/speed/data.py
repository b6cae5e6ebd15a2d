"""The images, the weights that all begin with, and the files through which workers get them."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks.speed.cases import Case, Device
from benchmarks.speed.turns import Weights

__all__ = ["Task", "generated_images", "order", "read_weights", "write_task"]


class Task:
    """What a worker is given: a case, its images and the weights to begin with.

    Args:
        folder: Where `write_task` put them.
        device: Where to calculate.
    """

    def __init__(self, folder: Path, device: Device = "cpu") -> None:
        self.folder = folder
        self.device = device
        fields = json.loads((folder / "case.json").read_text())
        self.case = Case(**fields | {"hidden": tuple(fields["hidden"])})

    def bytes(self) -> np.ndarray:
        """The images as they lie in files, uint8, ``(n, pixels)``."""
        return np.load(self.folder / "images.npy")

    def images(self) -> np.ndarray:
        """The images, float32 in [0, 1], ``(n, pixels)``."""
        return self.bytes().astype(np.float32) / 255

    def weights(self) -> Weights:
        """The weights to begin with."""
        return read_weights(self.folder / "weights.npz")


def write_task(folder: Path, case: Case, images: np.ndarray, weights: Weights) -> None:
    """Lays out a task for the workers.

    Args:
        folder: Where to.
        case: What to measure.
        images: Grey levels, uint8, ``(n, pixels)``; static binarization is done here.
        weights: The weights to begin with.
    """
    (folder / "case.json").write_text(json.dumps(asdict(case)))
    np.save(folder / "images.npy", images)
    np.savez(folder / "weights.npz", *weights)


def binarized(images: np.ndarray, seed: int) -> np.ndarray:
    """Zeros and 255s, each drawn with its grey level as probability."""
    drawn = np.random.default_rng(seed).random(images.shape, dtype=np.float32) * 255 < images
    return drawn.astype(np.uint8) * 255


def read_weights(path: Path) -> Weights:
    """Reads weights in the order in which they were written."""
    with np.load(path) as file:
        return [file[f"arr_{i}"] for i in range(len(file.files))]


def order(case: Case, seed: int = 0) -> Iterator[np.ndarray]:
    """Which images each step takes, ``(steps, batch)`` for each epoch, without end."""
    draws = np.random.default_rng(seed)
    rows = np.empty((0, case.batch), dtype=np.int64)
    while True:
        while len(rows) < case.steps:
            whole = case.images // case.batch * case.batch
            again = draws.permutation(case.images)[:whole].reshape(-1, case.batch)
            rows = np.concatenate([rows, again])
        yield rows[: case.steps]
        rows = rows[case.steps :]


def generated_images(n: int, seed: int = 0, side: int = 28) -> np.ndarray:
    """Images of MNIST's share of grey and, if nothing else is said, shape; uint8, ``(n, side**2)``.

    Each is a chain of five blurred dots: ink in a fifth of the pixels and a mean of 0.11, near the
    digits' 0.13.
    """
    draws, larger = np.random.default_rng(seed), side / 28
    steps = draws.normal(0, 4 * larger, (n, 5, 2)).astype(np.float32)
    centres = (side - 1) / 2 + steps.cumsum(1) - steps.cumsum(1).mean(1, keepdims=True)
    pixels = np.arange(side, dtype=np.float32)
    # exp(-d^2 / 2 s^2) is a product of one factor in the rows and one in the columns.
    factors = np.exp(-((pixels - centres[..., None]) ** 2) / (2 * (1.8 * larger) ** 2))
    dots = np.einsum("nkr,nkc->nrc", factors[:, :, 0], factors[:, :, 1])
    return (np.clip(1.5 * dots - 0.2, 0, 1) * 255).astype(np.uint8).reshape(n, side**2)
