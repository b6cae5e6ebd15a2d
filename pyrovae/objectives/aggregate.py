"""What objectives that look at the aggregate posterior share: its one latent site."""

from typing import Any

from pyro.poutine import Trace

from pyrovae.handlers import data_weight, is_latent
from pyrovae.objectives.terms import data_frame
from pyrovae.ranks import count

__all__ = ["only_latent"]


def only_latent(
    model_trace: Trace, guide_trace: Trace, *, num_particles: int, nesting: int
) -> tuple[Any, Any, float]:
    r"""The latent whose aggregate :math:`q(z) = E_{x}[q(z|x)]` an objective is about.

    Args:
        model_trace: Trace of the model.
        guide_trace: Trace of the guide.
        num_particles: Number of draws for each datum.
        nesting: Depth of nested plates; the outermost is the data's.

    Returns:
        Its site in the model, its site in the guide, and the scale of the data's plate.

    Raises:
        ValueError: If there is no such latent, or there are several, or it lies outside the
            data's plate, within another, or under a mask. The site is named.
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
