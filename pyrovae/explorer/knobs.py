"""A latent as the numbers that a person can turn, and back."""

from math import inf, prod
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from pyrovae.distributions import CodeTable
from pyrovae.distributions.codes import CodeVectors, join, split
from pyrovae.latents import latent_kind

__all__ = ["Knobs"]

EDGE = 0.999  # of the unit ball


class Knobs:
    """The knobs of a latent site: its numbers, or which category or code each variable has.

    Args:
        name: The site.
        fn: Its prior for one datum and more, ``batch_shape (n,)``.
        draws: Draws of the latent, ``(n, *latent_shape)``, from which its form is read.

    Attributes:
        kind: Over what the latent ranges; see `pyrovae.latents.latent_kind`.
        choices: How many values each knob has, where these are separate; None for numbers.
        count: How many knobs there are.
        bounds: Between which numbers each knob lies.
    """

    def __init__(self, name: str, fn: Any, draws: Tensor) -> None:
        self.name = name
        self.kind = latent_kind(fn)
        self.shape = draws.shape[1:]
        self.bounds = _bounds(fn) if self.kind == "bounded" else (-inf, inf)
        self.codebook: CodeTable | None = None
        self.choices: int | None = None
        self.count = prod(self.shape)
        binary = bool(((draws == 0) | (draws == 1)).all())
        if self.kind == "code" and isinstance(fn.support, CodeVectors):
            self.codebook, self.events = fn.support.codebook, fn.support.event_dim
            self.choices = self.codebook.codes
            self.count //= self.codebook.code_features
        elif self.kind == "discrete" and binary:
            hot = len(self.shape) > 0 and bool((draws.sum(-1) == 1).all())
            self.choices = self.shape[-1] if hot and self.shape[-1] > 1 else 2
            self.hot = self.choices == self.shape[-1] if hot else False
            self.count = prod(self.shape[:-1]) if self.hot else self.count

    @property
    def gradual(self) -> bool:
        """Whether the knobs are numbers between which there are others."""
        return self.kind not in ("discrete", "code")

    def names(self) -> list[str]:
        """What the knobs are called: z1, z2, ... of the latent z, and z2[1] of one called z2."""
        numbers = range(1, self.count + 1)
        if self.name.isalpha():
            return [f"{self.name}{i}" if self.count > 1 else self.name for i in numbers]
        return [f"{self.name}[{i}]" for i in numbers]

    def read(self, z: Tensor) -> Tensor:
        """The knobs of latents ``(n, *latent_shape)``: ``(n, count)``."""
        if self.codebook is not None:
            vectors = split(z, self.codebook.code_features, self.events)
            return self.codebook.numbers(vectors, self.events).flatten(1).to(z.dtype)
        if self.choices is not None and self.hot:
            return z.argmax(-1).reshape(len(z), -1).to(z.dtype)
        return z.reshape(len(z), -1)

    def make(self, knobs: Tensor) -> Tensor:
        """The latents that knobs ``(n, count)`` stand for, or the nearest that there are."""
        n = len(knobs)
        if self.choices is not None:
            index = knobs.round().long().clamp(0, self.choices - 1)
            if self.codebook is not None:
                first, *grid = self.shape
                groups = first // self.codebook.code_features
                numbers = index.reshape(n, groups, *grid)
                found = self.codebook.vectors(numbers, self.events).detach()
                return join(found, self.events)
            if not self.hot:
                return index.to(knobs.dtype).reshape(n, *self.shape)
            return one_hot(index, self.choices).to(knobs.dtype).reshape(n, *self.shape)
        z = knobs.reshape(n, *self.shape)
        if self.kind == "discrete":
            return z.round()
        if self.kind == "ball":
            return z * (EDGE / z.norm(dim=-1, keepdim=True).clamp(min=EDGE))
        if self.kind == "sphere":
            return normalize(z, dim=-1)
        if self.kind == "simplex":
            z = z.clamp(min=1e-4)
            return z / z.sum(-1, keepdim=True)
        return z.clamp(*self.bounds)

    def settled(self, knobs: Tensor) -> Tensor:
        """The knobs of the nearest latent that there is."""
        return self.read(self.make(torch.nan_to_num(knobs)))


def _bounds(fn: Any) -> tuple[float, float]:
    """The least and the greatest number of a prior over a half-line or an interval."""
    support = fn.support
    while hasattr(support, "base_constraint"):
        support = support.base_constraint
    low, high = (
        torch.as_tensor(getattr(support, name, value))
        for name, value in (("lower_bound", -inf), ("upper_bound", inf))
    )
    # Draws are inside an open interval, where its ends may have no density.
    least = torch.finfo(torch.float32).eps
    return float(low.min()) + least, float(high.max()) - least
