"""The kinds of sites in a program."""

from typing import Any

from pyro.distributions import Unit

__all__ = ["is_data", "is_latent", "is_subsample"]


def is_subsample(site: Any) -> bool:
    """Whether a sample site is a plate's choice of a subsample, not a random variable."""
    return type(site["fn"]).__name__ == "_Subsample"


def is_latent(site: Any) -> bool:
    """Whether a trace's node or a message is a latent variable (not data, a param or a plate)."""
    return site["type"] == "sample" and not site["is_observed"] and not is_subsample(site)


def is_data(site: Any) -> bool:
    """Whether a trace's node is data: observed or, in an unconditioned program, generated.

    Pyro treats a ``pyro.factor`` and a ``pyro.deterministic`` as observed sites, but they are not
    data.
    """
    if site["type"] != "sample" or isinstance(site["fn"], Unit):
        return False
    infer = site["infer"] or {}
    observed = site["is_observed"] or bool(infer.get("was_observed"))
    return observed and not infer.get("_deterministic")
