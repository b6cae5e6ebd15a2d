"""The effect on data of adding a vector to their codes."""

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from pyrovae.latent_space.codes import Codes, decode, encode
from pyrovae.plots.data import check_beside, read_data
from pyrovae.plots.latents import PlottableModel
from pyrovae.plots.style import number
from pyrovae.plots.tiles import draw_tiles


def attribute(
    model: PlottableModel,
    x: Tensor,
    vector: Codes,
    *,
    strengths: Sequence[float] = (-1, -0.5, 0, 0.5, 1),
    name: str = "attribute",
) -> Figure:
    """Data with an attribute removed from and added to their codes, one row per datum.

    Each row begins with the original, in a coloured frame. The other columns show the decoded sum
    of its code and a multiple of the vector, one for each strength. At strength 0 this is the
    reconstruction.

    Args:
        model: The model.
        x: The data, ``(n, *data_shape)``, one row each.
        vector: The vector, ``latent_shape``, from `pyrovae.latent_space.attribute_vector`; a dict
            by site for a model with several latents, of which those left out stay as they are.
        strengths: The factors of the vector.
        name: Name of the attribute, for the title.

    Returns:
        A figure with n rows of ``1 + len(strengths)`` data.

    Raises:
        ValueError: If ``x`` is not a batch, there are no strengths, or the vector does not have
            the shape of a code.
    """
    x = read_data("x", x)
    if not len(strengths):
        raise ValueError("strengths: expected at least one number, got none")
    codes = encode(model, x)
    points: Codes
    if isinstance(codes, dict):
        vectors = vector if isinstance(vector, dict) else {}
        if not vectors or set(vectors) - set(codes):
            given = sorted(vectors) if isinstance(vector, dict) else "a tensor"
            raise ValueError(f"vector: expected a dict with some of {sorted(codes)}, got {given}")
        points = {
            site: _moved(code, vectors.get(site, torch.zeros(code.shape[1:])), strengths)
            for site, code in codes.items()
        }
    elif isinstance(vector, dict):
        raise ValueError(
            f"vector: expected a tensor for a model with one latent, got a dict of {sorted(vector)}"
        )
    else:
        points = _moved(codes, vector, strengths)
    decoded = decode(model, points)
    check_beside(x, decoded)
    decoded = decoded.unflatten(0, (len(x), len(strengths)))
    return draw_tiles(
        torch.cat([x.cpu().unsqueeze(1), decoded], dim=1).flatten(0, 1),
        columns=1 + len(strengths),
        title=f"{name[:1].upper()}{name[1:]}, removed and added",
        column_labels=["original", *map(_signed, strengths)],
        marked_columns=[0],
    )


def _moved(codes: Tensor, vector: Tensor, strengths: Sequence[float]) -> Tensor:
    """Adds the vector to each code at each strength: ``(n * strengths, ...)``."""
    if vector.shape != codes.shape[1:]:
        raise ValueError(
            f"vector: expected the shape of a code, {tuple(codes.shape[1:])}, "
            f"got {tuple(vector.shape)}"
        )
    weights = torch.tensor(strengths).to(codes).reshape(-1, *[1] * vector.ndim)
    return (codes.unsqueeze(1) + weights * vector.to(codes)).flatten(0, 1)


def _signed(strength: float) -> str:
    return ("+" if strength > 0 else "") + number(strength, ".3g")
