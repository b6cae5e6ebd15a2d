"""What kind of density a site has at the values of the data."""

from typing import Any

import torch
from torch import Tensor

from pyrovae.distributions import Marginal, observed_mask, observed_values
from pyrovae.distributions.unwrap import family, unwrapped

__all__ = ["check_density", "count_each", "is_density", "is_discrete"]


def is_density(site: Any) -> bool:
    """Whether the site's distribution is normalised over a set that contains all its values."""
    normalized = getattr(unwrapped(site["fn"]), "normalized_support", None)
    return normalized is None or bool(
        normalized.check(observed_values(site["fn"], site["value"])).all()
    )


def is_discrete(site: Any) -> bool:
    """Whether the set over which the site's distribution is normalised is discrete."""
    fn: Any = unwrapped(site["fn"])
    try:
        support = getattr(fn, "normalized_support", fn.support)
    except NotImplementedError:  # a distribution need not define a support
        return False
    return bool(support.is_discrete)


def count_each(site: Any) -> Tensor:
    """The number of values of each datum that count in the site's density, ``(n,)``."""
    value: Tensor = site["value"]
    mask = observed_mask(site["fn"], value)
    if mask is None:
        return torch.full((len(value),), float(value[0].numel()), dtype=torch.float64)
    return mask.flatten(1).sum(1).double().cpu()


def check_density(site: Any, what: str) -> None:
    """Checks that the density of a site can be computed, and is not a random estimate.

    With an estimated density a bound is still a bound, but a ratio of two densities is not a
    ratio.

    Args:
        site: The site.
        what: The name of the caller, for a message.

    Raises:
        ValueError: If the density is estimated. The message names the site.
    """
    if isinstance(unwrapped(site["fn"]), Marginal):
        raise ValueError(
            f"site {site['name']!r}: {what} needs latents with a known density, but the density "
            f"of {family(site['fn'])} is only estimated from draws"
        )
