"""Data simulated from a model, with the structure of given data."""

from collections.abc import Callable
from typing import Any

import torch
from pyro import poutine
from pyro.distributions import DirichletMultinomial
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message
from torch import Tensor
from torch.distributions import MixtureSameFamily, Multinomial

from pyrovae.compilation import Batch
from pyrovae.distributions import CountsGivenTotal
from pyrovae.distributions.unwrap import family, unwrapped

__all__ = ["simulate"]

GIVEN_TOTALS = (CountsGivenTotal, Multinomial, DirichletMultinomial)


def simulate(model: Callable[..., Any], batch: Batch) -> dict[str, Any]:
    """Runs a program and draws its data anew.

    Counts that are scored given their total, like those of `CountsGivenTotal`, are drawn with the
    total of each datum.

    Args:
        model: The program.
        batch: The arguments of the program.

    Returns:
        The trace's sites by name.

    Raises:
        ValueError: If counts are scored given their total, the totals of the data differ from the
            one that is drawn, and the distribution cannot draw with given totals.
    """
    program = _GivenTotals()(poutine.uncondition(model))
    nodes: dict[str, Any] = poutine.trace(program).get_trace(*batch).nodes
    return nodes


class _GivenTotals(Messenger):
    """Draws counts with the totals of the data that were observed at the site."""

    def _pyro_sample(self, msg: Message) -> None:
        fn, given = _fn_and_data(msg)
        if isinstance(fn, CountsGivenTotal) and given is not None and not msg["done"]:
            msg["value"] = fn.sample_with(_totals(fn, given))
            msg["done"] = True

    def _pyro_post_sample(self, msg: Message) -> None:
        fn, given = _fn_and_data(msg)
        one = fn.component_distribution if isinstance(fn, MixtureSameFamily) else fn
        if given is None or not isinstance(unwrapped(one), GIVEN_TOTALS):
            return
        value: Any = msg["value"]
        drawn, totals = torch.broadcast_tensors(_totals(fn, value), _totals(fn, given))
        odd = drawn != totals
        if odd.any():
            raise ValueError(
                f"site {msg['name']!r}: {family(fn)} can only draw counts with a total of "
                f"{drawn[odd][0]:g}, but the data have totals such as {totals[odd][0]:g}"
            )


def _fn_and_data(msg: Message) -> tuple[Any, Tensor | None]:
    """The distribution of a site, and the values observed there, if any."""
    fn: Any = msg["fn"]
    infer: Any = msg["infer"] or {}
    given: Tensor | None = infer.get("obs") if infer.get("was_observed") else None
    return (unwrapped(fn), given) if msg["type"] == "sample" else (fn, None)


def _totals(fn: Any, counts: Tensor) -> Tensor:
    return counts.sum(tuple(range(-len(fn.event_shape), 0)))
