"""Over what a latent ranges: densities of different kinds do not compare."""

from typing import Literal

from pyro.distributions import Delta, constraints
from torch.distributions import Distribution, MixtureSameFamily, VonMises

from pyrovae.distributions.ball import UNIT_BALL
from pyrovae.distributions.codes import CodeVectors, NearestCode
from pyrovae.distributions.unwrap import unblocked
from pyrovae.undefined import Undefined

__all__ = ["LatentKind", "Undefined", "check_kinds", "is_point_mass", "latent_kind"]

LatentKind = Literal["real", "bounded", "circle", "sphere", "ball", "simplex", "discrete", "code"]

_RANGES = {
    "real": "volumes in a real space",
    "bounded": "a half-line or an interval",
    "circle": "a circle",
    "sphere": "the unit sphere",
    "ball": "the unit ball of hyperbolic space",
    "simplex": "the simplex",
    "discrete": "separate values",
    "code": "the vectors of a codebook",
}


def latent_kind(distribution: Distribution) -> LatentKind | None:
    r"""Says with respect to what a distribution's density is taken.

    A bound contains :math:`\log p(z) - \log q(z \mid x)`, which means something only if both
    are densities with respect to one measure: volume (``"real"``; ``"bounded"`` on half-lines
    and intervals, outside of which one of the two would be zero), arc length (``"circle"``), the
    sphere's surface (``"sphere"``), volume within the unit ball (``"ball"``), the simplex's (``"simplex"``), or counting (``"discrete"``;
    ``"code"`` where the values are vectors of a codebook).

    Returns:
        The kind; ``None`` where the distribution does not say.
    """
    try:
        support = distribution.support
    except (NotImplementedError, AttributeError):
        return None
    if support is None:
        return None
    if isinstance(support, CodeVectors):
        return "code"
    try:
        if support.is_discrete:
            return "discrete"
    except NotImplementedError:
        return None
    if isinstance(support, constraints.cat):  # several variables side by side, of one kind
        support = support.cseq[0]
    while hasattr(support, "base_constraint"):
        support = support.base_constraint
    if isinstance(support, type(UNIT_BALL)):
        return "ball"
    if support is constraints.sphere:
        return "sphere"
    # By type: two equal constraints may be two objects.
    if isinstance(support, type(constraints.simplex)):
        return "simplex"
    distribution = unblocked(distribution)
    if isinstance(distribution, MixtureSameFamily):
        return latent_kind(distribution.component_distribution)
    # PyTorch gives these angles the whole line as support, but a density of one turn.
    if isinstance(distribution, VonMises):
        return "circle"
    return "real" if isinstance(support, type(constraints.real)) else "bounded"


def check_kinds(what: str, posterior: LatentKind | None, prior: LatentKind | None) -> None:
    """Refuses a posterior and a prior whose densities do not compare.

    Args:
        what: What they are the kinds of, for the message.
        posterior: Kind of q(z|x), or ``None`` where it is not declared.
        prior: Kind of p(z), likewise.

    Raises:
        ValueError: If both are known and differ, the posterior not being within the prior's.
    """
    # A posterior that keeps to a part of the prior's range is a posterior like any other.
    if (posterior, prior) == ("bounded", "real"):
        return
    if posterior and prior and posterior != prior:
        raise ValueError(
            f"{what}: the posterior has a density over {_RANGES[posterior]} and the prior one "
            f"over {_RANGES[prior]}, so that log p(z) - log q(z|x) has no meaning; give both "
            "the same kind of latent"
        )


def is_point_mass(distribution: Distribution) -> bool:
    """Whether a distribution has one value alone, whose log-probability says nothing of it."""
    distribution = unblocked(distribution)
    return isinstance(distribution, Delta | NearestCode)
