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
    "circle": "angles, which repeat after a full turn",
    "ball": "points of hyperbolic space, where distances are not those between coordinates",
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
            f"site {site['name']!r}: {what} treats the latent's coordinates as plain numbers, but "
            f"they are {_CURVED[kind]}"
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
            "expected a model with one latent site, since the objective needs the aggregate "
            f"posterior of a single latent, got {names}"
        )
    (q,) = sites
    name = q["name"]
    frame, scale = data_frame(q, nesting)
    plates = len(q["fn"].batch_shape)
    if nesting != 1 or plates != (2 if num_particles > 1 else 1):
        raise ValueError(f"site {name!r}: expected no plate around it other than the data plate")
    if data_weight(q) is not None:
        raise ValueError(
            f"site {name!r}: the data are weighted, but the aggregate posterior of a batch "
            "weights all data equally; use an objective that is a sum over data"
        )
    if q["mask"] is not None and q["mask"] is not True:
        raise ValueError(
            f"site {name!r}: some data are masked, so the aggregate posterior of the batch cannot "
            "be computed"
        )
    if count(frame.size) < 2:
        raise ValueError(f"site {name!r}: expected at least 2 data in a batch, got {frame.size}")
    if name not in model_trace:
        raise ValueError(f"site {name!r}: the model has no latent of this name")
    return model_trace.nodes[name], q, scale
