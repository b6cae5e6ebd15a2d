"""Images made of known factors: sprites of three shapes, in every size, turn and place."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pyrovae.checks import check_count, check_seed
from pyrovae.datasets.binarization import Binarization, binarize, check_protocol
from pyrovae.datasets.data import Data
from pyrovae.datasets.partition import Amount, split_indices
from pyrovae.datasets.tensor_split import TensorSplit

__all__ = ["FACTORS", "FactorSplit", "sprites"]

FACTORS = ("shape", "scale", "rotation", "x", "y")
SIZE = 32  # pixels
RADIUS = (4.0, 8.0)  # of the circle around the smallest and the largest sprite, in pixels
REACH = 7  # how far from the middle a sprite is moved: the largest stays within the image
FINER = 4  # points in a pixel, along each side

SHAPES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "square": lambda u, v: torch.maximum(u.abs(), v.abs()) <= 0.5**0.5,
    "ellipse": lambda u, v: u**2 + (2 * v) ** 2 <= 1,
    "heart": lambda u, v: _heart(1.25 * u, 0.1 - 1.25 * v),
}


class FactorSplit(TensorSplit):
    """Data in memory that were made of known factors.

    Args:
        x: The data, ``(N, *event)``.
        factors: The levels of the factors that each is made of, integers ``(N, K)``.
        factor_names: Their names.
        **options: Of `TensorSplit`.

    Attributes:
        factors: Integers ``(N, K)``, in the order of ``batches(shuffle=False)``.
        factor_names: K names.

    Raises:
        ValueError: If factors or names do not fit the data, or as `TensorSplit` does.
    """

    factors: Tensor
    factor_names: tuple[str, ...]

    def __init__(
        self, x: Tensor, factors: Tensor, *, factor_names: tuple[str, ...], **options: Any
    ) -> None:
        super().__init__(x, **options)
        expected = (len(self), len(factor_names))
        if factors.shape != expected or factors.is_floating_point():
            raise ValueError(
                f"factors: expected integers of shape {expected}, a column for each of "
                f"factor_names, got {factors.dtype} of shape {tuple(factors.shape)}"
            )
        self.factors, self.factor_names = factors, factor_names


def sprites(
    *,
    scales: int = 4,
    rotations: int = 8,
    positions: int = 8,
    binarization: Binarization = "none",
    validation: Amount = 0.1,
    test: Amount = 0.1,
    seed: int = 0,
) -> Data:
    """Images of sprites with known factors, 32x32 grey pixels: made here, and nothing downloaded.

    Each image is one combination of five factors: shape (square, ellipse, heart), scale, rotation
    (from 0 up to 90 degrees, so that all combinations look different), and the positions x and y.
    Every combination is there once: 3 * 4 * 8 * 8 * 8 = 6144 images, if nothing else is asked
    for. Edges are smooth: a pixel is as bright as the share of it that is covered.

    They are made in the manner of dSprites (Higgins et al., 2017,
    https://openreview.net/forum?id=Sy2fzU9gl), which has 64x64 pixels and full turns.

    Args:
        scales: How many sizes, from half of the largest to it; one is in between.
        rotations: How many angles.
        positions: How many places along each side, at most 15; one is the middle.
        binarization: The protocol applied to the grey levels of the edges.
        validation: The validation data: an int is their number, a float their fraction.
        test: The test data, likewise.
        seed: Of the random division, and of static binarization.

    Returns:
        The splits, each with the attribute ``factors``, integers ``(N, 5)``, and ``factor_names``;
        labels are the shapes. The record has how many levels each factor has.

    Raises:
        ValueError: If a number is not positive or too large, or nothing is left to train on.
    """
    check_protocol(binarization)
    check_seed("seed", seed)
    for name, value in (("scales", scales), ("rotations", rotations), ("positions", positions)):
        check_count(name, value)
    if positions > 2 * REACH + 1:
        raise ValueError(f"positions: expected at most {2 * REACH + 1}, got {positions}")
    levels = (len(SHAPES), scales, rotations, positions, positions)
    factors = torch.cartesian_prod(*map(torch.arange, levels))
    x = _images(scales, rotations, positions)
    if binarization in ("threshold", "static"):
        # Before they are divided: a datum's zeros and ones do not depend on the sizes.
        x = binarize(x, binarization, generator=torch.Generator().manual_seed(seed))
    indices = split_indices(len(x), validation=validation, test=test, seed=seed)
    train, held_out, tested = (
        FactorSplit(
            x[index],
            factors[index],
            factor_names=FACTORS,
            labels=factors[index, 0],
            binarization=binarization,
        )
        if len(index)
        else None
        for index in indices
    )
    if train is None:
        raise ValueError("expected some data to be left for training, got none")
    return Data(
        train,
        held_out,
        tested,
        name="sprites",
        label_names=tuple(SHAPES),
        record={
            "source": "sprites",
            "partition": "random",
            "seed": seed,
            "factors": dict(zip(FACTORS, levels, strict=True)),
        },
    )


def _images(scales: int, rotations: int, positions: int) -> Tensor:
    """Every combination, in the order of the factors, ``(N, 1, SIZE, SIZE)``."""
    middle = torch.stack(
        [
            _drawn(inside, radius, torch.pi / 2 * turn / rotations)
            for inside in SHAPES.values()
            for radius in _evenly(*RADIUS, scales)
            for turn in range(rotations)
        ]
    )
    places = [round(place) for place in _evenly(-REACH, REACH, positions)]
    # What is moved out on one side, and comes in on the other, is empty.
    moved = [middle.roll((y, x), dims=(1, 2)) for x in places for y in places]
    return torch.stack(moved, dim=1).flatten(0, 1).unsqueeze(1)


def _evenly(low: float, high: float, n: int) -> list[float]:
    """As many numbers from one to another; the middle if it is one."""
    return [(low + high) / 2] if n == 1 else [low + (high - low) * i / (n - 1) for i in range(n)]


def _drawn(inside: Callable[[Tensor, Tensor], Tensor], radius: float, angle: float) -> Tensor:
    """A sprite in the middle of an image: of each pixel the share that is covered."""
    n = SIZE * FINER
    # In double precision, so that what is at an edge is the same everywhere.
    along = (torch.arange(n, dtype=torch.float64) + 0.5) / FINER - SIZE / 2
    down, across = torch.meshgrid(along, along, indexing="ij")
    turn = torch.tensor(angle, dtype=torch.float64)
    u = (across * turn.cos() + down * turn.sin()) / radius
    v = (down * turn.cos() - across * turn.sin()) / radius
    covered = inside(u, v).view(SIZE, FINER, SIZE, FINER).double().mean((1, 3))
    return covered.to(torch.get_default_dtype())


def _heart(u: Tensor, v: Tensor) -> Tensor:
    return (u**2 + v**2 - 1) ** 3 <= u**2 * v**3
