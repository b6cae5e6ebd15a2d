"""The codes of data: moments of each datum's posterior, or draws from it."""

import warnings
from typing import Literal, NamedTuple, overload

import torch
from pyro import poutine
from torch import Tensor

from pyrovae.datasets import Source
from pyrovae.evaluation.moments import latent_moments, standard_deviation
from pyrovae.evaluation.ordered import in_order
from pyrovae.evaluation.passes import View, one_pass
from pyrovae.evaluation.reading import read_for
from pyrovae.handlers import is_latent
from pyrovae.programs import Program, check_program

__all__ = ["Moments", "encode"]

Codes = Tensor | dict[str, Tensor]


class Moments(NamedTuple):
    """The first two moments of each datum's posterior.

    Attributes:
        mean: The means, ``(N, *latent)``; a dict by site if there are several latents.
        std: The standard deviations of the variables, in the same form.
    """

    mean: Codes
    std: Codes


@overload
def encode(
    model: Program,
    data: Source,
    *,
    moments: Literal["mean", "draws"] = "mean",
    batch_size: int = ...,
    rows: int = ...,
    seed: int = ...,
) -> Codes: ...


@overload
def encode(
    model: Program,
    data: Source,
    *,
    moments: Literal["both"],
    batch_size: int = ...,
    rows: int = ...,
    seed: int = ...,
) -> Moments: ...


def encode(
    model: Program,
    data: Source,
    *,
    moments: Literal["mean", "draws", "both"] = "mean",
    batch_size: int = 1000,
    rows: int = 100_000,
    seed: int = 0,
) -> Codes | Moments:
    """Encodes data of any size and source, in their order.

    In a hierarchy, the moments of each latent are computed given the means of the latents before
    it, and its draw given their draws. If a distribution has no mean in closed form, an average of
    draws is used; if it has no mean at all, its mode. A warning then names the site.

    Args:
        model: The program and its guide.
        data: A split, a tensor or array, a ``Dataset``, a ``DataLoader``; anything that `fit`
            takes as training data. A loader that shuffles is read in the order of its data set.
        moments: "mean" for the mean of each datum's posterior, "draws" for one draw from it,
            "both" for mean and standard deviation.
        batch_size: Number of data processed at a time.
        rows: Number of draws times data processed at a time, if a moment is estimated by draws.
        seed: Seed of the draws, and of binarization.

    Returns:
        The codes on the CPU, ``(N, *latent)``, or a dict of such tensors by site if there are
        several latents; `Moments` of these for "both". The model and the random state are left
        unchanged.

    Raises:
        ValueError: If ``moments`` is none of these, another argument or the data's shape or values
            do not fit, or there are no latents.
    """
    check_program(model)
    if moments not in ("mean", "draws", "both"):
        raise ValueError(f"moments: expected 'mean', 'draws' or 'both', got {moments!r}")
    if rows < 1:
        raise ValueError(f"rows: expected at least 1, got {rows}")
    split = in_order(read_for(model, data))
    first: list[dict[str, Tensor]] = []
    second: list[dict[str, Tensor]] = []
    said: set[str] = set()
    with one_pass(model, split, batch_size=batch_size, seed=seed) as views:
        for view in views:
            if moments == "draws":
                first.append(_draw(model, view))
                continue
            found = latent_moments(model.guide, view.batch, rows=rows)
            first.append({name: latent.mean.value.cpu() for name, latent in found.items()})
            if moments == "both":
                deviations = {n: standard_deviation(m, rows=rows) for n, m in found.items()}
                second.append({name: std.cpu() for name, std in deviations.items()})
            for name, latent in found.items():
                if latent.mean.remark is not None and name not in said:
                    said.add(name)
                    kind = type(latent.fn).__name__
                    warnings.warn(f"site {name!r}: {kind} {latent.mean.remark}", stacklevel=2)
    codes = _join(first)
    return Moments(codes, _join(second)) if moments == "both" else codes


def _draw(model: Program, view: View) -> dict[str, Tensor]:
    trace = poutine.trace(model.guide).get_trace(*view.batch)
    return {name: site["value"].cpu() for name, site in trace.nodes.items() if is_latent(site)}


def _join(parts: list[dict[str, Tensor]]) -> Codes:
    """Concatenates the codes of all batches, in one tensor for each site."""
    codes = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    if not codes:
        raise ValueError("encode: expected a guide with latents, got none")
    return next(iter(codes.values())) if len(codes) == 1 else codes
