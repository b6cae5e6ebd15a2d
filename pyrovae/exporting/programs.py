"""What a model does with one datum, as functions of tensors alone."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from pyro import poutine
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message
from torch import Tensor

from pyrovae.exporting.noise import Noise
from pyrovae.handlers import is_data, is_latent, latent_means, plain_errors
from pyrovae.latents import latent_kind
from pyrovae.nn.modes import evaluation_mode
from pyrovae.programs import Program, device_of
from pyrovae.scope import isolated, without_validation

__all__ = ["MAKERS", "PROGRAMS", "PlainProgram", "quiet"]

#: The programs of a model, and what each computes.
PROGRAMS = {
    "encoder": "from data to the moments of the posterior of their latents",
    "decoder": "from latents to the mean of the likelihood",
    "sampler": "from standard normal noise to means of the likelihood at draws from the prior",
}


@dataclass(frozen=True)
class PlainProgram:
    """A function of tensors, each with a batch of one datum in front.

    Attributes:
        name: One of `PROGRAMS`.
        run: The function; it gives as many tensors as there are outputs.
        inputs: The names of its arguments.
        examples: Some of each, ``(n, ...)``.
        outputs: The names of what it gives.
    """

    name: str
    run: Callable[..., Sequence[Tensor]]
    inputs: tuple[str, ...]
    examples: tuple[Tensor, ...]
    outputs: tuple[str, ...]


@contextmanager
def quiet(model: Any) -> Iterator[None]:
    """Runs a block that runs a model's programs, which leaves no trace."""
    with (
        isolated(device_of(model), 0),
        evaluation_mode(model),
        without_validation(),
        torch.no_grad(),
        plain_errors(),
    ):
        yield


class _Moments(Messenger):
    """Gives each latent site its mean, and keeps mean and standard deviation.

    Raises:
        NotImplementedError: If a distribution has no mean in closed form. Its site is named.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, Tensor] = {}

    def _pyro_sample(self, msg: Message) -> None:
        fn: Any = msg["fn"]
        if msg["done"] or not is_latent(msg):
            return
        try:
            mean = fn.mean
        except NotImplementedError:
            family = type(fn).__name__
            raise NotImplementedError(
                f"site {msg['name']!r}: {family} has no mean in closed form"
            ) from None
        if latent_kind(fn) == "sphere":  # the mean direction, as a model's `encode` gives it
            mean = mean / mean.square().sum(-1, keepdim=True).sqrt()
        self.found[f"{msg['name']}_mean"] = mean
        try:
            self.found[f"{msg['name']}_std"] = fn.variance.sqrt().expand(mean.shape)
        except NotImplementedError:  # the mean alone, then
            pass
        msg["value"], msg["done"] = mean, True


def encoder(model: Program, batch: tuple[Tensor, ...], names: Sequence[str]) -> PlainProgram:
    """The moments of each latent's posterior, given the means of those before it."""

    def run(*values: Tensor) -> list[Tensor]:
        moments = _Moments()
        poutine.trace(moments(model.guide)).get_trace(*values)
        return list(moments.found.values())

    moments = _Moments()
    poutine.trace(moments(model.guide)).get_trace(*(value[:1] for value in batch))
    if not moments.found:
        raise NotImplementedError("its guide has no latents")
    return PlainProgram("encoder", run, tuple(names), batch, tuple(moments.found))


def decoder(model: Program, batch: tuple[Tensor, ...], names: Sequence[str]) -> PlainProgram:
    """The likelihood's mean at given latents."""
    codes = latent_means(model.guide, *batch)
    given, beside = _beside(model, batch, names)
    one = {name: code[:1] for name, code in codes.items()}
    first = _forward(model, batch[0][:1], [value[:1] for value in given], one)
    sites = [name for name in first if name in codes]  # in the order of the model
    if not sites:
        raise NotImplementedError("it has no latents")

    def run(*values: Tensor) -> list[Tensor]:
        latents = dict(zip(sites, values[: len(sites)], strict=True))
        return list(_data(_forward(model, values[0], values[len(sites) :], latents)).values())

    examples = (*(codes[site] for site in sites), *given)
    return PlainProgram("decoder", run, (*sites, *beside), examples, tuple(_data(first)))


def sampler(model: Program, batch: tuple[Tensor, ...], names: Sequence[str]) -> PlainProgram:
    """The likelihood's mean at draws from the prior, as a function of noise."""
    given, beside = _beside(model, batch, names)

    def run(noise: Tensor, *values: Tensor) -> list[Tensor]:
        with Noise(noise):
            return list(_data(_forward(model, noise, values, {})).values())

    with Noise() as counting:
        first = _forward(model, batch[0][:1], [value[:1] for value in given], {})
    if not counting.taken:
        raise NotImplementedError("its prior draws nothing")
    noise = torch.randn(len(batch[0]), counting.taken).to(batch[0])
    return PlainProgram("sampler", run, ("noise", *beside), (noise, *given), tuple(_data(first)))


def _beside(
    model: Program, batch: tuple[Tensor, ...], names: Sequence[str]
) -> tuple[tuple[Tensor, ...], tuple[str, ...]]:
    """What the model takes beside the data; a mask of what was observed is the guide's alone."""
    if getattr(model, "sees_masks", False):
        return (), ()
    return batch[1:], tuple(names[1:])


MAKERS = {"encoder": encoder, "decoder": decoder, "sampler": sampler}


def _forward(
    model: Program, n: Tensor, given: Sequence[Tensor], latents: dict[str, Tensor]
) -> dict[str, Any]:
    """The sites of a model that is run forward, for as many data as ``n`` is long."""
    empty = n.new_empty(len(n), 0)
    program = poutine.condition(poutine.uncondition(model.model), data=latents)
    nodes = poutine.trace(_MeansOfData()(program)).get_trace(empty, *given).nodes
    return dict(nodes)


class _MeansOfData(Messenger):
    """Gives data their mean: they are the last that is asked for, and need no random numbers."""

    def _pyro_sample(self, msg: Message) -> None:
        if _generated(msg) and not msg["done"]:
            msg["value"], msg["done"] = _mean(msg), True


def _generated(site: Any) -> bool:
    return is_data(site) and bool((site["infer"] or {}).get("was_observed"))


def _data(sites: dict[str, Any]) -> dict[str, Tensor]:
    return {name: site["value"] for name, site in sites.items() if _generated(site)}


def _mean(site: Any) -> Tensor:
    try:
        mean: Tensor = site["fn"].mean
    except NotImplementedError:
        family = type(site["fn"]).__name__
        raise NotImplementedError(
            f"site {site['name']!r}: {family} has no mean in closed form"
        ) from None
    return mean
