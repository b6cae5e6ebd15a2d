"""Running a model forward from latents, some of which follow others."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from pyro import poutine
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message
from torch import Tensor

from pyrovae.handlers import is_data, is_latent, mean_of
from pyrovae.nn.modes import evaluation_mode
from pyrovae.programs import Program, device_of
from pyrovae.scope import isolated, without_validation

__all__ = ["data_of", "followers", "forward", "prior_of"]


def forward(
    model: Program,
    n: int,
    given: Sequence[Tensor],
    latents: Mapping[str, Tensor],
    *,
    means: bool = True,
    seed: int = 0,
) -> dict[str, Any]:
    """The sites of a model that is run forward.

    Args:
        model: The model.
        n: Number of data.
        given: What it takes beside data.
        latents: Values of some latents, ``(n, *latent_shape)``.
        means: Whether the other latents are at their means; they are drawn otherwise.
        seed: Seed of what is drawn.
    """
    empty = torch.empty(n, 0, device=device_of(model))
    program = poutine.condition(poutine.uncondition(model.model), data=dict(latents))
    program = _Means()(program) if means else program
    with (
        isolated(device_of(model), seed),
        evaluation_mode(model),
        without_validation(),
        torch.no_grad(),
    ):
        return dict(poutine.trace(program).get_trace(empty, *given).nodes)


class _Means(Messenger):
    """Gives the latents that are left their means, or what stands in for these."""

    def _pyro_sample(self, msg: Message) -> None:
        if not msg["done"] and is_latent(msg) and not (msg["infer"] or {}).get("was_observed"):
            msg["value"], msg["done"] = mean_of(msg["fn"]).value, True


def data_of(sites: Mapping[str, Any]) -> dict[str, Any]:
    """The distributions of the data."""
    return {
        name: site["fn"]
        for name, site in sites.items()
        if is_data(site) and (site["infer"] or {}).get("was_observed")
    }


def prior_of(
    model: Program, n: int, given: Sequence[Tensor], seed: int
) -> dict[str, tuple[Any, Tensor]]:
    """Each latent's distribution and its draws, in the order in which the model draws them."""
    sites = forward(model, n, given, {}, means=False, seed=seed)
    data = data_of(sites)
    return {
        name: (site["fn"], site["value"])
        for name, site in sites.items()
        if name not in data and is_latent(site)
    }


def followers(
    model: Program, given: Sequence[Tensor], draws: Mapping[str, Tensor]
) -> dict[str, list[str]]:
    """Which latents depend on which: those whose distribution changes with another's value.

    Args:
        model: The model.
        given: What it takes beside data, for two of them.
        draws: Draws of each latent, at least two, in the model's order.
    """
    found: dict[str, list[str]] = {}
    names = list(draws)
    for i, name in enumerate(names):
        held = {n: draws[n][:1].expand_as(draws[n][:2]) for n in names[: i + 1]}
        held[name] = draws[name][:2]
        sites = forward(model, 2, given, held) if i + 1 < len(names) else {}
        found[name] = [n for n in names[i + 1 :] if _differ(sites[n]["value"])]
    return found


def _differ(values: Tensor) -> bool:
    return not torch.equal(values[0], values[1])
