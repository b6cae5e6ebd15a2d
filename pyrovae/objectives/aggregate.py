"""The latent site of objectives that look at the aggregate posterior."""

from typing import Any

from pyro.poutine import Trace

from pyrovae.handlers import data_weight, is_latent
from pyrovae.latents import LatentKind, latent_kind
from pyrovae.objectives.terms import data_frame
from pyrovae.ranks import count

__all__ = ["check_coordinates", "only_latent"]


#: Kinds of latents whose coordinates cannot be used as plain numbers, and the reason.
_CURVED: dict[LatentKind | None, str] = {
    "circle": "angles, of which two a turn apart are one",
    "ball": "points of hyperbolic space, whose distances are not those of their coordinates",
}


def check_coordinates(site: Any, what: str, *, but: LatentKind | None = None) -> None:
    """Checks that the coordinates of a latent can be used as plain numbers.

    Args:
        site: The latent's site.
        what: What uses them this way, for the error message.
        but: A kind of latents to accept nevertheless.

    Raises:
        ValueError: If the latent consists of angles or points of hyperbolic space. The message
            names the site.
    """
    kind = latent_kind(site["fn"])
    if kind in _CURVED and kind != but:
        raise ValueError(
            f"site {site['name']!r}: {what} is of the coordinates of a latent, and these are "
            f"{_CURVED[kind]}"
        )


def only_latent(
    model_trace: Trace, guide_trace: Trace, *, num_particles: int, nesting: int
) -> tuple[Any, Any, float]:
    r"""Returns the latent whose aggregate posterior :math:`q(z) = E_{x}[q(z|x)]` is meant.

    Args:
        model_trace: Trace of the model.
        guide_trace: Trace of the guide.
        num_particles: Number of draws for each datum.
        nesting: Depth of nested plates; the outermost plate is that of the data.

    Returns:
        Its site in the model, its site in the guide, and the scale of the data's plate.

    Raises:
        ValueError: If there is no latent or more than one, or if it is outside the data's plate,
            inside another plate, or masked. The message names the site.
    """
    sites = [site for site in guide_trace.nodes.values() if is_latent(site)]
    if len(sites) != 1:
        names = ", ".join(repr(site["name"]) for site in sites) or "none"
        raise ValueError(
            f"expected one latent site, whose aggregate posterior is meant, got {names}"
        )
    (q,) = sites
    name = q["name"]
    frame, scale = data_frame(q, nesting)
    plates = len(q["fn"].batch_shape)
    if nesting != 1 or plates != (2 if num_particles > 1 else 1):
        raise ValueError(f"site {name!r}: expected no plate but the data's around it")
    if data_weight(q) is not None:
        raise ValueError(
            f"site {name!r}: the data have weights, and the aggregate of a batch counts all alike; "
            "use an objective that is a sum over data"
        )
    if q["mask"] is not None and q["mask"] is not True:
        raise ValueError(f"site {name!r}: some data are masked, so there is no aggregate of all")
    if count(frame.size) < 2:
        raise ValueError(f"site {name!r}: expected at least 2 data in a batch, got {frame.size}")
    if name not in model_trace:
        raise ValueError(f"site {name!r}: the model has no latent of this name")
    return model_trace.nodes[name], q, scale
