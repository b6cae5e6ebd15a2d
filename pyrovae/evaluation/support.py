"""Whether data are values that a model can have produced."""

from typing import Any

import torch
from pyro import poutine
from pyro.distributions.torch_distribution import MaskedDistribution
from torch import Tensor
from torch.distributions import constraints

from pyrovae.datasets.splits import Split
from pyrovae.datasets.tensor_split import TensorSplit
from pyrovae.distributions import observed_values
from pyrovae.distributions.unwrap import family, unblocked
from pyrovae.handlers import check_taken
from pyrovae.nn.modes import evaluation_mode
from pyrovae.scope import isolated, without_validation

__all__ = ["check_support"]


@torch.no_grad()
def check_support(model: Any, split: Split, device: torch.device) -> None:
    """Runs guide and model once and looks whether the data lie in the likelihood's support.

    Data in memory are looked at whole, others in their first batch. A model that has a
    `check_batch` of its own looks at them, too.

    Raises:
        ValueError: If a value lies outside, or a shape or the number of tensors does not fit.
    """
    check_own = getattr(model, "check_batch", None)
    with isolated(device, seed=0), evaluation_mode(model):
        for i, batch in enumerate(split.batches(1000, device=device)):
            check_taken(model.model, batch)
            if check_own is not None:
                check_own(*batch)
            if i == 0:
                sites = _observed(model, tuple(value[:2] for value in batch))
            if any(_differs_by_datum(site["fn"]) for site in sites.values()):
                sites = _observed(model, batch)
            for name, site in sites.items():
                _check_values(name, site, batch[0])
            if not isinstance(split, TensorSplit):
                break


def _observed(model: Any, batch: tuple[Tensor, ...]) -> dict[str, Any]:
    with without_validation():
        guide_trace = poutine.trace(model.guide).get_trace(*batch)
        program = poutine.replay(model.model, trace=guide_trace)
        model_trace = poutine.trace(program).get_trace(*batch)
    return {
        name: site
        for name, site in model_trace.nodes.items()
        # Only what the program observes of the data themselves can be checked on all of them.
        if site["type"] == "sample" and site["is_observed"] and site["value"] is batch[0]
    }


def _check_values(name: str, site: Any, x: Tensor) -> None:
    support, seen = _support(site["fn"]), observed_values(site["fn"], x)
    if seen.isnan().any():
        raise ValueError(f"site {name!r}: the data contain NaN")
    if support is not None and not support.check(x).all():
        each = _base(support).check(x)
        odd = f", with {x[~each][0].item():.7g} among them" if each.shape == x.shape else ""
        raise ValueError(
            f"site {name!r}: {family(site['fn'])} allows values in {_words(support)}, "
            f"but the data range from {seen.min().item():g} to {seen.max().item():g}{odd}"
        )


def _support(fn: Any) -> Any:
    try:
        return fn.support
    except NotImplementedError:  # a distribution need not say
        return None


def _differs_by_datum(fn: Any) -> bool:
    """Whether each datum has a mask or bounds of its own."""
    return isinstance(unblocked(fn), MaskedDistribution) or _has_bounds_of_its_own(_support(fn))


def _has_bounds_of_its_own(support: Any) -> bool:
    """Whether each datum has bounds of its own, as those of a binomial's counts."""
    return support is not None and any(
        isinstance(bound, Tensor) and bound.dim() for bound in vars(_base(support)).values()
    )


def _base(support: Any) -> Any:
    return support.base_constraint if isinstance(support, constraints.independent) else support


def _words(support: Any) -> str:
    while hasattr(support, "base_constraint"):
        support = support.base_constraint
    if isinstance(support, constraints.interval | constraints.integer_interval):
        low, high = torch.as_tensor(support.lower_bound), torch.as_tensor(support.upper_bound)
        kind = "integers in " if support.is_discrete else ""
        return f"{kind}[{low.min().item():g}, {high.max().item():g}]"
    if support is constraints.nonnegative_integer:
        return "whole numbers of at least 0"
    return str(support)
