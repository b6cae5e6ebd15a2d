"""The path from one datum to another, through the latent space."""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from pyrovae.latent_space.codes import Codes, decode, encode, one_latent
from pyrovae.latent_space.paths import PATHS, Path
from pyrovae.plots.data import check_beside, read_data
from pyrovae.plots.grid import check_positive
from pyrovae.plots.latents import PlottableModel, data_shape
from pyrovae.plots.tiles import draw_tiles

TITLES = {
    "straight": "Straight lines",
    "spherical": "Great circles",
    "circular": "The shorter way round",
    "hyperbolic": "Geodesics of hyperbolic space",
}


def interpolation(
    model: PlottableModel,
    start: Tensor,
    end: Tensor,
    *,
    steps: int = 10,
    path: Path = "straight",
    site: str | None = None,
) -> Figure:
    """Decoded points on the path between the codes of two data, one row per pair.

    The originals stand at both ends, in a coloured frame. The columns between them are labelled
    with their position on the path, from 0 (the code of ``start``) to 1 (the code of ``end``).

    Args:
        model: The model.
        start: A datum ``data_shape``, or a batch ``(n, *data_shape)``.
        end: A datum or a batch of the same shape.
        steps: Number of decoded points, including the two codes.
        path: "straight" for a line, "spherical" for a great circle along which direction and norm
            change evenly, "circular" for the shorter way round of angles, or "hyperbolic" for a
            geodesic in the unit ball (`pyrovae.latent_space.hyperbolic`).
        site: For a model with several latents, the only one that moves, while the others stay at
            the codes of ``start``. All move together if left out.

    Returns:
        A figure with n rows of ``steps + 2`` data.

    Raises:
        ValueError: If the shapes of ``start`` and ``end`` differ or are not those of data,
            ``steps`` is smaller than 2, the path is unknown, or ``site`` is not a latent of the
            model.
    """
    check_positive("steps", steps, at_least=2)
    if path not in PATHS:
        raise ValueError(f"path: expected one of {tuple(PATHS)}, got {path!r}")
    if start.shape != end.shape:
        raise ValueError(
            f"start, end: expected the same shape, got {tuple(start.shape)} and {tuple(end.shape)}"
        )
    if tuple(start.shape) == data_shape(model):
        start, end = start[None], end[None]
    start, end = read_data("start", start), read_data("end", end)

    pairs = len(start)
    codes = encode(model, torch.cat([start, end]))
    weights = torch.linspace(0, 1, steps)
    points: Codes
    if isinstance(codes, dict):
        if site is not None:
            one_latent(codes, site)
        points = {
            name: _way(code, weights if site in (None, name) else torch.zeros(steps), path)
            for name, code in codes.items()
        }
    else:
        points = _way(one_latent(codes, site), weights, path)
    decoded = decode(model, points)
    check_beside(start, decoded)

    between = decoded.unflatten(0, (pairs, steps))
    rows = torch.cat([start.cpu()[:, None], between, end.cpu()[:, None]], dim=1)
    moved = "" if site is None else f" {site}"
    return draw_tiles(
        rows.flatten(0, 1),
        columns=steps + 2,
        title=f"{TITLES[path]} between latent codes{moved}",
        column_labels=["start", *(f"{weight:.2f}" for weight in weights.tolist()), "end"],
        marked_columns=[0, steps + 1],
    )


def _way(codes: Tensor, weights: Tensor, path: Path) -> Tensor:
    """Points from the first half of the codes to the second: ``(pairs * steps, ...)``."""
    start, end = codes.chunk(2)
    return PATHS[path](start, end, weights).flatten(0, 1)
