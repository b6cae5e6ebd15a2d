"""The input of an adversary in one step: the programs' draws, and the model's output for them."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from pyro import poutine
from torch import Tensor

from pyrovae.distributions.unwrap import family
from pyrovae.handlers import data_weight, is_data, is_latent

__all__ = ["Seen"]

Program = Callable[..., Any]


class Seen:
    """The sites of one step, with the values that the objective has drawn.

    Rows are data; with several particles, each datum has a row for each of its draws. Values are
    computed when they are first requested, and only once.

    Args:
        model: The model program.
        guide: Its guide.
        batch: The arguments of both.

    Attributes:
        programs: The two programs, wrapped so that the objective's run is recorded.
    """

    def __init__(self, model: Program, guide: Program, batch: tuple[Tensor, ...]) -> None:
        self._model, self._batch = model, batch
        self._traces: dict[str, poutine.Trace] = {}
        self.programs = self._noted("model", model), self._noted("guide", guide)

    def _noted(self, name: str, program: Program) -> Program:
        def noted(*args: Any, **kwargs: Any) -> Any:
            with poutine.trace() as recorder:
                result = program(*args, **kwargs)
            self._traces[name] = recorder.trace
            return result

        return noted

    @property
    def scale(self) -> float:
        """The number of data that each datum of the batch stands for, N / B, or 1."""
        frame = self._observed["cond_indep_stack"][-1]
        return (frame.full_size or frame.size) / frame.size

    @property
    def latents(self) -> Tensor:
        """The draws of the guide's only latent, ``(rows, *latent_shape)``, with their gradient.

        Raises:
            ValueError: If there is not exactly one latent, inside the data's plate only.
        """
        site = self._latent
        return _rows(site["value"], site)

    @cached_property
    def prior_draws(self) -> Tensor:
        """The same number of draws of the model's prior, without a gradient."""
        name = self._latent["name"]
        if name not in self._traces["model"]:
            raise ValueError(f"site {name!r}: the model has no latent of this name")
        site = self._traces["model"].nodes[name]
        with torch.no_grad():
            return _rows(site["fn"].sample(), site)

    @property
    def data(self) -> Tensor:
        """The data, ``(n, *data_shape)``."""
        value: Tensor = self._observed["value"]
        return value

    @property
    def reconstructions(self) -> Tensor:
        """The likelihood's means at the draws, ``(rows, *data_shape)``, with full gradient."""
        return _mean(self._observed)

    @property
    def log_likelihood(self) -> Tensor:
        """The mean of log p(x|z) over the rows, 0-dim."""
        site = self._observed
        found: Tensor = site["fn"].log_prob(site["value"])
        return found.mean()

    @cached_property
    def decoded(self) -> Tensor:
        """The same means with gradient to the model only: the draws are held fixed."""
        shape = self._observed["fn"].batch_shape
        if len(shape) == 1:
            return self._decode(None)
        return torch.cat([self._decode(particle) for particle in range(shape[0])])

    @cached_property
    def generated(self) -> Tensor:
        """Means at new draws of the prior, ``(n, *data_shape)``, with gradient to the model."""
        return self._run(poutine.uncondition(self._model))

    @property
    def weights(self) -> list[Tensor]:
        """The model's trained weights with at least two dimensions, in the order of modules."""
        nodes = self._traces["model"].nodes.values()
        found = [site["value"] for site in nodes if site["type"] == "param"]
        return [value for value in found if value.dim() > 1]

    def _decode(self, particle: int | None) -> Tensor:
        """Returns means at the draws, or at those of one particle."""
        sites = {n: s for n, s in self._traces["guide"].nodes.items() if is_latent(s)}
        values = {name: site["value"].detach() for name, site in sites.items()}
        if particle is not None:
            values = {
                name: value[particle] if len(sites[name]["fn"].batch_shape) > 1 else value
                for name, value in values.items()
            }
        return self._run(poutine.condition(self._model, values))

    def _run(self, program: Program) -> Tensor:
        trace = poutine.trace(program).get_trace(*self._batch)
        return _mean(trace.nodes[self._observed["name"]])

    @property
    def _latent(self) -> Any:
        sites = [site for site in self._traces["guide"].nodes.values() if is_latent(site)]
        if len(sites) != 1:
            names = ", ".join(repr(site["name"]) for site in sites) or "none"
            raise ValueError(f"adversary: expected a model with one latent site, got {names}")
        _check(sites[0])
        return sites[0]

    @cached_property
    def _observed(self) -> Any:
        sites = [site for site in self._traces["model"].nodes.values() if is_data(site)]
        if len(sites) != 1:
            names = ", ".join(repr(site["name"]) for site in sites) or "none"
            raise ValueError(f"adversary: expected a model with one data site, got {names}")
        _check(sites[0])
        return sites[0]


def _check(site: Any) -> None:
    """Refuses sites that are weighted, masked or not inside the data's plate only."""
    name = site["name"]
    if not site["cond_indep_stack"] or len(site["fn"].batch_shape) > 2:
        raise ValueError(f"site {name!r}: expected no plate around it other than the data plate")
    if data_weight(site) is not None:
        raise ValueError(
            f"site {name!r}: the data are weighted, but an adversary weights all data equally"
        )
    if site["mask"] is not None and site["mask"] is not True:
        raise ValueError(f"site {name!r}: some data are masked, so an adversary cannot use them")


def _rows(value: Tensor, site: Any) -> Tensor:
    events = len(site["fn"].event_shape)
    return value.reshape(-1, *value.shape[value.dim() - events :])


def _mean(site: Any) -> Tensor:
    try:
        mean: Tensor = site["fn"].mean
    except NotImplementedError:
        mean = site["value"].new_zeros(())
    if mean.shape[mean.dim() - site["fn"].event_dim :] != site["fn"].event_shape or not mean.dim():
        raise ValueError(
            f"site {site['name']!r}: the adversary needs a mean of the data's shape, which "
            f"{family(site['fn'])} does not have"
        )
    return _rows(mean, site)
