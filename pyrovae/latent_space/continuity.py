"""Whether neighbouring codes decode to similar data."""

from typing import NamedTuple

import torch
from torch import Tensor

from pyrovae.latent_space.codes import Coder, check_batch, decode, encode, has_mean, one_latent
from pyrovae.latent_space.paths import PATHS, Path

__all__ = ["Continuity", "continuity"]


class Continuity(NamedTuple):
    """How evenly and how directly data change into each other; both numbers are at least 1.

    Attributes:
        largest_step: The largest step of a path relative to the mean step: 1 if each step changes
            the decoded datum equally, the number of steps if one jump makes the whole change.
        detour: The length of a path of decoded data relative to the distance of its ends: 1 for a
            fade from one into the other, more if other things appear in between.
    """

    largest_step: float
    detour: float


def continuity(
    model: Coder,
    start: Tensor,
    end: Tensor,
    *,
    steps: int = 32,
    path: Path = "straight",
    site: str | None = None,
) -> Continuity:
    r"""Follows the decoded data along paths between the codes of pairs of data.

    With :math:`x_0, \dots, x_T` the likelihood's means at equal steps along one path and
    :math:`d_t = \lVert x_t - x_{t-1} \rVert`,

    .. math:: \text{largest step} = \frac{E[\max_t d_t]}{E[\frac{1}{T} \sum_t d_t]}, \qquad
        \text{detour} = \frac{E[\sum_t d_t]}{E[\lVert x_T - x_0 \rVert]}

    with :math:`E` the mean over the pairs, taken in numerator and denominator separately so that
    no short path dominates. A linear decoder has 1 and 1 on straight paths. The numbers of
    different models can be compared for the same pairs and steps.

    Args:
        model: The model.
        start: Data ``(n, *data_shape)``.
        end: The same number of other data.
        steps: Number of steps T of each path.
        path: "straight" or "spherical".
        site: Which latent moves, for a model with several; the others stay at the codes of
            ``start``.

    Returns:
        The two numbers; NaN if all codes decode to the same.

    Raises:
        ValueError: If ``start`` and ``end`` are not batches of one shape, ``steps`` is smaller
            than 2, the path is unknown, ``site`` is missing or not a latent of the model, or the
            likelihood's mean has no closed form.
    """
    if start.shape != end.shape:
        raise ValueError(
            f"start, end: expected the same shape, got {tuple(start.shape)} and {tuple(end.shape)}"
        )
    check_batch("start", start)
    if steps < 2:
        raise ValueError(f"steps: expected at least 2, got {steps}")
    if path not in PATHS:
        raise ValueError(f"path: expected one of {tuple(PATHS)}, got {path!r}")
    first, last = encode(model, start), encode(model, end)
    if not has_mean(model, first):
        raise ValueError(
            "continuity: expected a likelihood with a mean in closed form, got one without: two "
            "draws differ even at the same code"
        )
    weights = torch.linspace(0, 1, steps + 1)
    points = PATHS[path](one_latent(first, site), one_latent(last, site), weights)
    largest = length = distance = 0.0
    for i, line in enumerate(points):  # one path at a time: all together would be many images
        codes = line
        if isinstance(first, dict):
            held = {k: v[i].expand(len(line), *v.shape[1:]) for k, v in first.items()}
            codes = {**held, str(site): line}
        x = decode(model, codes).double().flatten(1)
        size = (x[1:] - x[:-1]).norm(dim=1)
        largest += float(size.max())
        length += float(size.sum())
        distance += float((x[-1] - x[0]).norm())
    nan = float("nan")
    return Continuity(
        largest_step=largest * steps / length if length else nan,
        detour=length / distance if distance else nan,
    )
