"""A bound as a sum of terms over sites, with score-function gradients where they are needed."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from pyro.distributions.util import is_identically_zero
from pyro.infer.util import MultiFrameTensor
from pyro.poutine import Trace
from torch import Tensor

__all__ = ["Term", "site_terms", "sum_of_terms"]


class Term(NamedTuple):
    """One summand of a bound.

    Attributes:
        stack: The plates it lies in, as Pyro's ``cond_indep_stack``.
        value: The summand, with the plates' dimensions.
        differentiable: What stands for it in the surrogate; ``None`` for nothing.
    """

    stack: tuple[Any, ...]
    value: Tensor
    differentiable: Tensor | None


def site_terms(site: Any, sign: int) -> Iterable[Term]:
    """The log-probability of a site: added for the model (+1), subtracted for the guide (-1)."""
    if sign > 0:
        yield Term(site["cond_indep_stack"], site["log_prob"], site["log_prob"])
    else:
        # The entropy term of a site that is not reparameterised has expected gradient zero.
        entropy = site["score_parts"].entropy_term
        zero = is_identically_zero(entropy)
        yield Term(site["cond_indep_stack"], -site["log_prob"], None if zero else -entropy)


def sum_of_terms(terms: Iterable[Term], guide_trace: Trace) -> tuple[Any, Any]:
    r"""Sums terms and completes the surrogate with score-function gradients.

    A draw that is not reparameterised contributes :math:`\nabla \log q` times all terms that lie
    in its plates (the Rao-Blackwellisation over plates of Ranganath et al., 2014,
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
