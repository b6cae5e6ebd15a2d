"""Programs that bound nothing, although an objective returns a number for them."""

from pyro.distributions import Delta, ImproperUniform
from pyro.poutine import Trace

from pyrovae.distributions import Penalized
from pyrovae.distributions.unwrap import unblocked, unwrapped
from pyrovae.handlers import is_data, is_latent

__all__ = ["undefined"]


def undefined(model_trace: Trace, guide_trace: Trace) -> str | None:
    """Says why a pair of programs has no evidence lower bound.

    An improper prior is not a density, so there is no p(x) to bound. A point mass has no KL
    divergence from a density. A likelihood with an added loss is not a density of the data.

    Returns:
        The reason, with the site's name, or None if there is a bound.
    """
    for name, site in model_trace.nodes.items():
        if is_latent(site) and isinstance(unblocked(site["fn"]), ImproperUniform):
            return f"the prior of {name!r} is flat, which is no density"
        if is_data(site) and isinstance(fn := unwrapped(site["fn"]), Penalized):
            return f"the likelihood of {name!r} {fn.not_a_density}"
    for name, site in guide_trace.nodes.items():
        if is_latent(site) and isinstance(unblocked(site["fn"]), Delta):
            return f"the posterior of {name!r} is a point, which has no KL divergence"
    return None
