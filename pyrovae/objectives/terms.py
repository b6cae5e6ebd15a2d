"""A bound as a sum of terms over sites, with score-function gradients where needed."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from pyro.distributions.util import is_identically_zero, scale_and_mask
from pyro.infer.util import MultiFrameTensor
from pyro.poutine import Trace
from torch import Tensor
from torch.distributions import Distribution, kl_divergence

from pyrovae.distributions.unwrap import family, unblocked
from pyrovae.handlers import is_latent, weighed_alike

__all__ = [
    "Term",
    "data_frame",
    "elbo_terms",
    "factorised",
    "per_feature",
    "sites_of_given_prior",
    "sum_of_terms",
]


class Term(NamedTuple):
    """One term of a bound.

    Attributes:
        stack: The plates around it, as Pyro's ``cond_indep_stack``.
        value: Its value, with the plates' dimensions.
        differentiable: Its replacement in the surrogate; ``None`` if there is none.
        latent: The latent site to whose Kullback-Leibler term it belongs, if any.
    """

    stack: tuple[Any, ...]
    value: Tensor
    differentiable: Tensor | None
    latent: str | None = None


def elbo_terms(
    model_trace: Trace,
    guide_trace: Trace,
    *,
    analytic: bool = False,
    by_feature: bool = False,
) -> Iterator[Term]:
    """Yields the terms of the evidence lower bound.

    Args:
        model_trace: Trace of the model, with log-probabilities computed.
        guide_trace: Trace of the guide, with score parts computed.
        analytic: Whether to use the closed form of a latent's KL term if one is known. The term is
            estimated from the draw nevertheless if the latent's prior depends on a latent that the
            guide draws later, or if its two densities are scaled or masked differently: the closed
            form is then not the expectation that the bound contains.
        by_feature: Whether terms of latents keep a last dimension of features instead of summing.

    Raises:
        ValueError: If ``by_feature`` is set and a distribution does not factorise over features.
            The message names the site.
    """
    closed = sites_of_given_prior(model_trace, guide_trace) if analytic else set()
    shared = set()
    for name, site in model_trace.nodes.items():
        if site["type"] != "sample":
            continue
        if is_latent(site) and name in guide_trace:
            shared.add(name)
            yield from _latent_terms(site, guide_trace.nodes[name], name in closed, by_feature)
        else:
            yield _model_term(site)
    for name, site in guide_trace.nodes.items():
        if site["type"] == "sample" and name not in shared:
            yield _guide_term(site)


def _model_term(site: Any) -> Term:
    return Term(site["cond_indep_stack"], site["log_prob"], site["log_prob"])


def _guide_term(site: Any) -> Term:
    # The entropy term of a site that is not reparameterised has a gradient of expectation zero.
    entropy = site["score_parts"].entropy_term
    zero = is_identically_zero(entropy)
    return Term(site["cond_indep_stack"], -site["log_prob"], None if zero else -entropy)


def sites_of_given_prior(model_trace: Trace, guide_trace: Trace) -> set[str]:
    """Latents whose prior depends on no latent that the guide draws with them or after them."""
    order = [name for name, site in guide_trace.nodes.items() if is_latent(site)]
    drawn_before: set[str] = set()
    given = set()
    for name, site in model_trace.nodes.items():
        if is_latent(site) and name in order:
            if not drawn_before & set(order[order.index(name) :]):
                given.add(name)
            drawn_before.add(name)
    return given


def _latent_terms(p: Any, q: Any, closed: bool, by_feature: bool) -> Iterator[Term]:
    name, p_fn, q_fn = q["name"], p["fn"], q["fn"]
    if by_feature:
        p_fn, q_fn = factorised(p), factorised(q)
    kl = _kl(q_fn, p_fn) if closed and weighed_alike(p, q) else None
    if kl is not None:
        kl = -_weigh(per_feature(q, kl) if by_feature else kl, q, by_feature)
        yield Term(q["cond_indep_stack"], kl, kl, name)
    elif not by_feature:
        yield _model_term(p)._replace(latent=name)
        yield _guide_term(q)._replace(latent=name)
    else:
        for sign, site, fn in ((1, p, p_fn), (-1, q, q_fn)):
            log_prob = per_feature(site, fn.log_prob(site["value"]))
            value = sign * _weigh(log_prob, site, by_feature)
            drop = sign < 0 and not fn.has_rsample
            yield Term(site["cond_indep_stack"], value, None if drop else value, name)


def _kl(q: Distribution, p: Distribution) -> Tensor | None:
    try:
        return kl_divergence(q, p)
    except NotImplementedError:
        return None


def _weigh(value: Tensor, site: Any, by_feature: bool) -> Tensor:
    if by_feature:
        return scale_and_mask(value.movedim(-1, 0), site["scale"], site["mask"]).movedim(0, -1)
    return scale_and_mask(value, site["scale"], site["mask"])


def factorised(site: Any) -> Any:
    """Returns the distribution of a site with its features as batch dimensions.

    Raises:
        ValueError: If it does not factorise over its features. The message names the site.
    """
    fn: Any = unblocked(site["fn"])
    if fn.event_shape:
        raise ValueError(
            f"site {site['name']!r}: {family(fn)} does not factorise over its features, but this "
            "objective needs a term for each feature"
        )
    return fn


def per_feature(site: Any, value: Tensor) -> Tensor:
    """Gives a result that was computed for each feature of a site one last feature dimension."""
    events = len(site["fn"].event_shape)
    return value.flatten(-events) if events else value.unsqueeze(-1)


def data_frame(site: Any, nesting: int) -> tuple[Any, float]:
    """Returns the data's plate around a site, and the scale it applies (N / B, or 1).

    Raises:
        ValueError: If the site is outside it (a global latent). The message names the site.
    """
    frame = next((f for f in site["cond_indep_stack"] if f.dim == -nesting), None)
    if frame is None:
        raise ValueError(
            f"site {site['name']!r}: it is outside the data plate (dim {-nesting}), so there is "
            "no bound for each datum; use ELBO"
        )
    return frame, (frame.full_size or frame.size) / frame.size


def sum_of_terms(terms: Iterable[Term], guide_trace: Trace) -> tuple[Any, Any]:
    r"""Sums terms and adds score-function gradients to the surrogate.

    A draw that is not reparameterised contributes :math:`\nabla \log q` times all terms inside
    its plates (the Rao-Blackwellisation over plates of Ranganath et al., 2014,
    https://arxiv.org/abs/1401.0118), as in ``pyro.infer.Trace_ELBO``.

    Returns:
        Bound and surrogate, each summed over all dimensions.
    """
    terms = list(terms)
    bound: Any = sum(term.value.sum() for term in terms)
    surrogate: Any = sum(
        term.differentiable.sum() for term in terms if term.differentiable is not None
    )
    costs = None
    for site in guide_trace.nodes.values():
        if site["type"] != "sample" or is_identically_zero(site["score_parts"].score_function):
            continue
        if costs is None:
            costs = MultiFrameTensor(*((term.stack, term.value.detach()) for term in terms))
        cost = costs.sum_to(site["cond_indep_stack"])
        surrogate = surrogate + (cost * site["score_parts"].score_function).sum()
    return bound, surrogate
