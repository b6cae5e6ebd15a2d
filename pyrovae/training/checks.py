"""What is looked at before training begins, and when it goes wrong."""

from typing import Any

import torch
from pyro import poutine
from torch import Tensor
from torch.distributions import constraints

from pyrovae.datasets.splits import Split
from pyrovae.datasets.tensor_split import TensorSplit
from pyrovae.distributions import observed_values
from pyrovae.handlers import check_taken, family
from pyrovae.nn.modes import evaluation_mode
from pyrovae.scope import isolated, without_validation

__all__ = ["Diverged", "check_support", "find_fault", "make_first_call"]


class Diverged(ArithmeticError):
    """Training met a number that is not one; the model holds the last good weights."""


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
            if any(_has_bounds_of_its_own(site["fn"].support) for site in sites.values()):
                sites = _observed(model, batch)
            for name, site in sites.items():
                _check_values(name, site, batch[0])
            if not isinstance(split, TensorSplit):
                break


def make_first_call(objective: Any, model: Any, split: Split, device: torch.device) -> None:
    """Lets one of Pyro's estimators find out how deep the plates are nested.

    It does so at its first call, with draws of its own. Made ahead of training, the call leaves
    to training the same random numbers whether it begins or goes on.
    """
    with isolated(device, seed=0), evaluation_mode(model):
        batch = (value.to(device) for value in split.take(2))
        objective.loss_and_grads(model.model, model.guide, *batch)


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
    support, seen = site["fn"].support, observed_values(site["fn"], x)
    if seen.isnan().any():
        raise ValueError(f"site {name!r}: the data contain NaN")
    if not support.check(x).all():
        each = _base(support).check(x)
        odd = f", with {x[~each][0].item():.7g} among them" if each.shape == x.shape else ""
        raise ValueError(
            f"site {name!r}: {family(site['fn'])} allows values in {_words(support)}, "
            f"but the data range from {seen.min().item():g} to {seen.max().item():g}{odd}"
        )


def _has_bounds_of_its_own(support: Any) -> bool:
    """Whether each datum has bounds of its own, as those of a binomial's counts."""
    return any(
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


@torch.no_grad()
def find_fault(model: Any, batch: tuple[Tensor, ...]) -> str:
    """Names the parameter, site or gradient that is the first not to be finite, if it shows."""
    named = list(model.named_parameters()) if isinstance(model, torch.nn.Module) else []
    for name, parameter in named:
        if not parameter.isfinite().all():
            return f"parameter {name!r} is not finite"
    # Numbers cannot be got back, but the run after next would not be a fair witness: the same
    # seed every time makes the message reproducible.
    with isolated(batch[0].device, seed=0), without_validation():
        guide_trace = poutine.trace(model.guide).get_trace(*batch)
        model_trace = poutine.trace(poutine.replay(model.model, trace=guide_trace)).get_trace(
            *batch
        )
        for where, trace in (("guide", guide_trace), ("model", model_trace)):
            trace.compute_log_prob()
            for name, site in trace.nodes.items():
                if site["type"] != "sample":
                    continue
                if not observed_values(site["fn"], site["value"]).isfinite().all():
                    return f"the value of site {name!r} in the {where} is not finite"
                if not site["log_prob"].isfinite().all():
                    return f"the log-probability of site {name!r} in the {where} is not finite"
    for name, parameter in named:
        if parameter.grad is not None and not parameter.grad.isfinite().all():
            return f"the gradient of parameter {name!r} is not finite, though every site is"
    return "the gradients are not finite, though every site is"
