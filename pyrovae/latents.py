"""The space that a latent lies in: only densities over the same space can be compared."""

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
    r"""Returns the kind of space over which a distribution has its density.

    A bound contains :math:`\log p(z) - \log q(z \mid x)`, which only means something if both are
    densities with respect to the same measure: volume (``"real"``; ``"bounded"`` for half-lines
    and intervals, outside of which one of the two densities would be zero), arc length
    (``"circle"``), the area of the sphere (``"sphere"``), volume within the unit ball
    (``"ball"``), volume within the simplex (``"simplex"``), or counting (``"discrete"``;
    ``"code"`` if the values are vectors of a codebook).

    Returns:
        The kind, or ``None`` if the distribution does not declare its support.
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
    if isinstance(support, constraints.cat):  # several variables in one vector, all of one kind
        support = support.cseq[0]
    while hasattr(support, "base_constraint"):
        support = support.base_constraint
    if isinstance(support, type(UNIT_BALL)):
        return "ball"
    if support is constraints.sphere:
        return "sphere"
    # Compare by type: two equal constraints may be two objects.
    if isinstance(support, type(constraints.simplex)):
        return "simplex"
    distribution = unblocked(distribution)
    if isinstance(distribution, MixtureSameFamily):
        return latent_kind(distribution.component_distribution)
    # PyTorch declares the whole line as the support of a VonMises; its density is over one turn.
    if isinstance(distribution, VonMises):
        return "circle"
    return "real" if isinstance(support, type(constraints.real)) else "bounded"


def check_kinds(what: str, posterior: LatentKind | None, prior: LatentKind | None) -> None:
    """Refuses a posterior and a prior whose densities cannot be compared.

    Args:
        what: What has these kinds, for the error message.
        posterior: Kind of q(z|x), or ``None`` if it is not declared.
        prior: Kind of p(z), or ``None`` if it is not declared.

    Raises:
        ValueError: If both are declared and differ, unless the posterior is ``"bounded"`` and the
            prior ``"real"``.
    """
    # A posterior may cover only a part of the prior's support.
    if (posterior, prior) == ("bounded", "real"):
        return
    if posterior and prior and posterior != prior:
        raise ValueError(
            f"{what}: the posterior has a density over {_RANGES[posterior]} and the prior one "
            f"over {_RANGES[prior]}, so log p(z) - log q(z|x) has no meaning; use the same kind "
            "of latent in both"
        )


def is_point_mass(distribution: Distribution) -> bool:
    """Whether a distribution has a single value, so that its log-probability means nothing."""
    distribution = unblocked(distribution)
    return isinstance(distribution, Delta | NearestCode)
