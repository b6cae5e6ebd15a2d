"""What a site in a program is."""

from typing import Any

__all__ = ["is_latent", "is_subsample"]


def is_subsample(site: Any) -> bool:
    """Whether a sample site is a plate's choice of its batch, and no random variable."""
    return type(site["fn"]).__name__ == "_Subsample"


def is_latent(site: Any) -> bool:
    """Whether a trace's node or a message is a latent variable (and no datum, param or plate)."""
    return site["type"] == "sample" and not site["is_observed"] and not is_subsample(site)
