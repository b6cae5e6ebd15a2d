"""Whether data are values that a model can have produced."""

import inspect
from typing import Any, NamedTuple

import torch
from pyro import poutine
from pyro.distributions.torch_distribution import MaskedDistribution
from torch import Tensor, nn
from torch.distributions import constraints

from pyrovae.checks import whereabouts
from pyrovae.distributions import observed_mask, observed_values
from pyrovae.distributions.unwrap import family, unblocked, unwrapped
from pyrovae.handlers import check_taken, is_data, plain_errors
from pyrovae.nn.modes import evaluation_mode
from pyrovae.programs import Program
from pyrovae.scope import isolated, without_validation

__all__ = ["BatchCheck", "Site", "base_constraint", "support_of"]

Batch = tuple[Tensor, ...]
COUNTS = "whole numbers of at least 0"
ROWS_SHOWN = 2  # enough for a program to run on, where what it allows is the same for all data


class Site(NamedTuple):
    """What a program observes.

    Attributes:
        name: Of the site.
        fn: Its distribution.
        value: What was observed.
        place: Which tensor of a batch that is; None if it is none of them.
    """

    name: str
    fn: Any
    value: Tensor
    place: int | None


class BatchCheck:
    """Looks whether batches, one after the other, are data that a model can have produced.

    Every tensor of a batch has to be finite, and every value that the program observes has to be
    in its distribution's support; what a mask leaves out may be anything. The programs run on two
    data of the first batch to see what they observe. They run again, on each batch whole, only if
    what they allow differs by datum (a mask, bounds) or an observed value is none of the batch's
    own tensors; all else costs a comparison for each value.

    Args:
        model: The program and its guide.
    """

    def __init__(self, model: Program) -> None:
        self.model = model
        self._sites: list[Site] | None = None
        self._each_batch = False

    def __call__(self, batch: Batch) -> None:
        """Looks at a batch, and asks the model's own `check_batch`, if it has one.

        Raises:
            ValueError: If there are other tensors in it than the model takes, a shape does not
                fit, a value is not finite (which columns, or what share, is said), or it is
                outside the support. The site, or the tensor, is named.
        """
        check_taken(self.model.model, batch)
        check_own = getattr(self.model, "check_batch", None)
        if check_own is not None:
            check_own(*batch)
        if self.faulty(batch):
            self._explain(batch)

    @torch.no_grad()
    def faulty(self, batch: Batch) -> Tensor:
        """Whether something is wrong with a batch's values, 0-dim, without waiting for a device."""
        sites = self.observed(batch)
        seen = {site.place for site in sites}
        faults = [_wrong(site).any() for site in sites]
        faults += [
            ~value.isfinite().all()
            for place, value in enumerate(batch)
            if place not in seen and value.is_floating_point()
        ]
        if not faults:
            return torch.zeros((), dtype=torch.bool, device=batch[0].device)
        return torch.stack(faults).any()

    def observed(self, batch: Batch) -> list[Site]:
        """What the program observes of a batch, site by site."""
        if self._sites is None:
            self._sites = self._run(tuple(value[:ROWS_SHOWN] for value in batch))
            self._each_batch = any(
                site.place is None or _differs_by_datum(site.fn) for site in self._sites
            )
        if self._each_batch:
            return self._run(batch)
        places = ((site, site.place) for site in self._sites)
        return [s._replace(value=batch[place]) for s, place in places if place is not None]

    def _run(self, batch: Batch) -> list[Site]:
        """Runs guide and model once, leaving random numbers, stores and modes as they are."""
        with (
            isolated(batch[0].device, 0),
            evaluation_mode(self.model),
            without_validation(),
            plain_errors(),
        ):
            guide_trace = poutine.trace(self.model.guide).get_trace(*batch)
            program = poutine.replay(self.model.model, trace=guide_trace)
            model_trace = poutine.trace(program).get_trace(*batch)
        return [
            Site(name, site["fn"], site["value"], _place(site["value"], batch))
            for name, site in model_trace.nodes.items()
            if is_data(site) and _has_values(site["value"])
        ]

    def _explain(self, batch: Batch) -> None:
        sites = self.observed(batch)
        for place, value in enumerate(batch):
            if value.is_floating_point() and place not in {site.place for site in sites}:
                _check_finite(f"{_tensor_name(self.model, place)} of a batch", value, None)
        for site in sites:
            where = f"site {site.name!r}: the data"
            _check_finite(where, site.value, observed_mask(site.fn, site.value))
            _check_support(site, self._who(site, len(sites)))

    def _who(self, site: Site, sites: int) -> str:
        """What observes the data: the likelihood that was chosen, or its distribution."""
        likelihood = getattr(self.model, "likelihood", None)
        is_its = sites == 1 and isinstance(likelihood, nn.Module)
        return type(likelihood).__name__ if is_its else family(site.fn)


def _has_values(value: Any) -> bool:
    return isinstance(value, Tensor) and value.numel() > 0


def _place(value: Tensor, batch: Batch) -> int | None:
    """Which tensor of a batch a value is."""
    return next((place for place, given in enumerate(batch) if given is value), None)


def _tensor_name(model: Program, place: int) -> str:
    """What the model calls a tensor of a batch."""
    names = list(inspect.signature(model.model).parameters)
    name = names[min(place, len(names) - 1)]
    return f"tensor {place + 1} ({name!r})"


def _wrong(site: Site) -> Tensor:
    """Which values are not finite or not in the support, in a shape that depends on the latter."""
    support, mask = support_of(site.fn), observed_mask(site.fn, site.value)
    odd = ~site.value.isfinite()
    odd = odd if mask is None else odd & mask
    if support is None:
        return odd
    outside: Tensor = ~support.check(site.value)
    return odd.any() | outside.any()


def _check_finite(where: str, value: Tensor, mask: Tensor | None) -> None:
    for what, found in (("NaN", value.isnan()), ("infinite values", value.isinf())):
        odd = found if mask is None else found & mask
        if odd.any():
            raise ValueError(f"{where} contain {what}: {whereabouts(odd)}")


def _check_support(site: Site, who: str) -> None:
    support, x = support_of(site.fn), site.value
    if support is None or support.check(x).all():
        return
    explain = getattr(unwrapped(site.fn).support, "explain", None)  # of a family for each variable
    if explain is not None:
        mask = observed_mask(site.fn, x)
        counted = torch.ones_like(x, dtype=torch.bool) if mask is None else mask
        raise ValueError(f"site {site.name!r}: {explain(x, counted)}")
    each, seen = base_constraint(support).check(x), observed_values(site.fn, x)
    first = x[~each][0].item() if each.shape == x.shape else None
    words = _words(support)
    if first is not None and words == COUNTS:
        raise ValueError(
            f"site {site.name!r}: {who} expects {words}, but the data contain {first:.7g}: use "
            "another likelihood for numbers that are no counts"
        )
    low, high = seen.min().item(), seen.max().item()
    odd = "" if first is None else f", with {first:.7g} among them"
    advice = "; use another likelihood" if words == "[0, 1]" else ""
    if advice and low >= 0 and 1 < high <= 255:
        advice = "; divide them by 255 if they are pixels, or use another likelihood"
    raise ValueError(
        f"site {site.name!r}: {who} allows values in {words}, "
        f"but the data range from {low:g} to {high:g}{odd}{advice}"
    )


def support_of(fn: Any) -> Any:
    """A distribution's support; None if it does not say."""
    try:
        return fn.support
    except NotImplementedError:  # a distribution need not say
        return None


def _differs_by_datum(fn: Any) -> bool:
    """Whether each datum has a mask or bounds of its own."""
    return isinstance(unblocked(fn), MaskedDistribution) or _has_bounds_of_its_own(support_of(fn))


def _has_bounds_of_its_own(support: Any) -> bool:
    """Whether each datum has bounds of its own, as those of a binomial's counts."""
    return support is not None and any(
        isinstance(bound, Tensor) and bound.dim()
        for bound in vars(base_constraint(support)).values()
    )


def base_constraint(support: Any) -> Any:
    """What a support says of single numbers."""
    return support.base_constraint if isinstance(support, constraints.independent) else support


def _words(support: Any) -> str:
    while hasattr(support, "base_constraint"):
        support = support.base_constraint
    if isinstance(support, constraints.interval | constraints.integer_interval):
        low, high = torch.as_tensor(support.lower_bound), torch.as_tensor(support.upper_bound)
        kind = "integers in " if support.is_discrete else ""
        return f"{kind}[{low.min().item():g}, {high.max().item():g}]"
    if support is constraints.boolean:
        return "{0, 1}"
    if support is constraints.nonnegative_integer:
        return COUNTS
    return str(support)
