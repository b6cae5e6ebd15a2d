"""Programs that bound nothing, though an objective gives them a number."""

from pyro.distributions import Delta, ImproperUniform
from pyro.poutine import Trace

from pyrovae.distributions.unwrap import unblocked
from pyrovae.handlers import is_latent

__all__ = ["undefined"]


def undefined(model_trace: Trace, guide_trace: Trace) -> str | None:
    """Says why a pair of programs has no evidence lower bound.

    An improper prior is no density, so that there is no p(x) to bound; and a point has no KL
    divergence from a density.

    Returns:
        The reason, with the site's name; None if there is a bound.
    """
    for name, site in model_trace.nodes.items():
        if is_latent(site) and isinstance(unblocked(site["fn"]), ImproperUniform):
            return f"the prior of {name!r} is flat, which is no density"
    for name, site in guide_trace.nodes.items():
        if is_latent(site) and isinstance(unblocked(site["fn"]), Delta):
            return f"the posterior of {name!r} is a point, which has no KL divergence"
    return None
