"""Scales of sites that do not come from their plates."""

from math import isclose, prod
from typing import Any

from torch import Tensor

from pyrovae.handlers.weigh_data import NOTE, data_weight

__all__ = ["plate_scale", "scaled_from_outside", "weighed_alike"]


def plate_scale(site: Any) -> float:
    """The factor by which the plates of a site or message scale it: N / B for each subsample."""
    return prod((frame.full_size or frame.size) / frame.size for frame in site["cond_indep_stack"])


def scaled_from_outside(site: Any) -> bool:
    """Whether a ``pyro.poutine.scale`` is around a site, or around its program.

    The weight that `ScaleLatents` puts on a latent does not count, nor do the weights of
    `WeighData`. A scale outside of `WeighData` is not detected.

    Args:
        site: A sample site of a trace.
    """
    scale, plates = site.get("unweighted", site["scale"]), plate_scale(site)
    if data_weight(site) is not None:
        _, scale = site[NOTE]
    if isinstance(scale, Tensor):
        return True
    # Within a plate, ScaleLatents processes a site before the plate does.
    expected = (plates, 1.0) if "unweighted" in site else (plates,)
    return not any(isclose(scale, value, rel_tol=1e-9) for value in expected)


def weighed_alike(p: Any, q: Any) -> bool:
    """Whether a latent has the same weight in the model's trace as in the guide's.

    Args:
        p: The site in a trace of the model.
        q: The site in a trace of the guide.
    """
    weights = [data_weight(site) for site in (p, q)]
    if weights[0] is not weights[1]:
        return False
    if weights[0] is not None:
        scales = [site[NOTE][1] for site in (p, q)]
    else:
        scales = [site.get("unweighted", site["scale"]) for site in (p, q)]
    if any(isinstance(scale, Tensor) for scale in scales):
        return scales[0] is scales[1]
    return isclose(*scales, rel_tol=1e-9) and (p["mask"] is None) == (q["mask"] is None)
