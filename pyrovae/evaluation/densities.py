"""What kind of density a site has at the data's values."""

from typing import Any

import torch
from torch import Tensor

from pyrovae.distributions import Marginal, observed_mask, observed_values
from pyrovae.distributions.unwrap import family, unwrapped

__all__ = ["check_density", "count_each", "is_density", "is_discrete"]


def is_density(site: Any) -> bool:
    """Whether the site's distribution is normalised over a set that holds all its values."""
    normalized = getattr(unwrapped(site["fn"]), "normalized_support", None)
    return normalized is None or bool(
        normalized.check(observed_values(site["fn"], site["value"])).all()
    )


def is_discrete(site: Any) -> bool:
    """Whether the set over which the site's distribution is normalised is discrete."""
    fn: Any = unwrapped(site["fn"])
    try:
        support = getattr(fn, "normalized_support", fn.support)
    except NotImplementedError:  # a distribution need not say
        return False
    return bool(support.is_discrete)


def count_each(site: Any) -> Tensor:
    """How many values of each datum count in the site's density, ``(n,)``."""
    value: Tensor = site["value"]
    mask = observed_mask(site["fn"], value)
    if mask is None:
        return torch.full((len(value),), float(value[0].numel()), dtype=torch.float64)
    return mask.flatten(1).sum(1).double().cpu()


def check_density(site: Any, what: str) -> None:
    """Looks whether the density of a site is known, and not only estimated anew at each call.

    An estimate makes of a bound another one, but of a ratio of two densities no ratio.

    Args:
        site: The site.
        what: Who asks, for a message.

    Raises:
        ValueError: If it is estimated. The site is named.
    """
    if isinstance(unwrapped(site["fn"]), Marginal):
        raise ValueError(
            f"site {site['name']!r}: the density of {family(site['fn'])} is estimated by draws; "
            f"{what} takes latents whose density is known"
        )
