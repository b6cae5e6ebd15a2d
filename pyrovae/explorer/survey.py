"""What is found out once of a model and some of its data, before any question."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi
from typing import Any

import torch
from torch import Tensor

from pyrovae.datasets import TensorSplit
from pyrovae.evaluation import encode
from pyrovae.explorer.generating import followers, prior_of
from pyrovae.explorer.knobs import Knobs
from pyrovae.latent_space.paths import paths_within
from pyrovae.programs import Program
from pyrovae.undefined import Undefined

__all__ = ["Survey"]

DRAWS = 2000
REACH = 3.5  # standard deviations that a slider goes to either side


@dataclass(frozen=True, eq=False)
class Survey:
    """The latents of a model, and where some data lie in them.

    Attributes:
        knobs: By site, in the order in which the model draws the latents.
        means: The knobs of each datum's posterior mean, by site, ``(N, count)``.
        kls: The KL divergence of each knob's posterior from its prior, in nats per datum, by site,
            both taken for normals of the same mean and variance; None where that has no meaning.
        ranges: From where to where each knob goes, by site, ``(count, 2)``.
        followers: Which latents depend on which.
        has_prior: Whether there is a prior to draw from.
    """

    knobs: dict[str, Knobs]
    means: dict[str, Tensor]
    kls: dict[str, Tensor | None]
    ranges: dict[str, Tensor]
    followers: dict[str, list[str]]
    has_prior: bool

    @classmethod
    def of(cls, model: Program, batch: Sequence[Tensor], given: Sequence[Tensor]) -> "Survey":
        """Looks at a model and a batch of data.

        Args:
            model: The model.
            batch: Data as the guide takes them.
            given: What the model takes beside data, for each of them.
        """
        moments = encode(model, TensorSplit(*batch), moments="both")
        means = _by_site(moments.mean)
        deviations = _by_site(moments.std)
        rows = torch.arange(DRAWS) % len(batch[0])
        try:
            found = prior_of(model, DRAWS, [value[rows] for value in given], 0)
        except Undefined:  # a flat prior has no draws
            found = {}
        has_prior = bool(found)
        if not has_prior:
            found = {name: (None, mean) for name, mean in means.items()}
        knobs = {name: Knobs(name, fn, draws) for name, (fn, draws) in found.items()}
        turned = {name: knob.read(means[name].cpu()) for name, knob in knobs.items()}
        follow: dict[str, list[str]] = {name: [] for name in knobs}
        if has_prior:
            draws = {name: values[:2] for name, (_, values) in found.items()}
            follow = followers(
                model, [value[:1].expand(2, *value.shape[1:]) for value in given], draws
            )
        kls, ranges = {}, {}
        for name, knob in knobs.items():
            prior = knob.read(found[name][1].cpu())
            gradual = knob.gradual and has_prior
            std = deviations[name].cpu().reshape(len(turned[name]), -1) if gradual else None
            kls[name] = None if std is None else _kl(turned[name], std, prior)
            ranges[name] = _range(knob, prior, turned[name])
        return cls(knobs, turned, kls, ranges, follow, has_prior)

    @property
    def paths(self) -> list[str]:
        """The kinds of paths that the range of some latent allows."""
        found = [path for knob in self.knobs.values() for path in paths_within(knob.kind)]
        return list(dict.fromkeys(found))

    def order(self, site: str) -> list[int]:
        """The knobs of a site, those first that say the most of the data."""
        kl = self.kls[site]
        weight = self.means[site].var(0, correction=0) if kl is None else kl
        return [int(i) for i in weight.nan_to_num().argsort(descending=True, stable=True)]


def _by_site(found: Any) -> dict[str, Tensor]:
    return dict(found) if isinstance(found, dict) else {"z": found}


def _kl(mean: Tensor, std: Tensor, prior: Tensor) -> Tensor:
    loc, scale = prior.mean(0), prior.std(0).clamp(min=1e-6)
    std = std.clamp(min=1e-6)
    each = (scale / std).log() + (std**2 + (mean - loc) ** 2) / (2 * scale**2) - 0.5
    return each.mean(0)


def _range(knob: Knobs, prior: Tensor, means: Tensor) -> Tensor:
    if knob.choices is not None:
        return torch.tensor([0.0, knob.choices - 1.0]).expand(knob.count, 2)
    if knob.kind in ("sphere", "simplex", "ball"):
        return torch.tensor([0.0 if knob.kind == "simplex" else -1.0, 1.0]).expand(knob.count, 2)
    if knob.kind == "circle":
        return torch.tensor([-pi, pi]).expand(knob.count, 2)
    loc, reach = prior.mean(0), REACH * prior.std(0)
    low = torch.minimum(loc - reach, means.min(0).values).clamp(*knob.bounds)
    high = torch.maximum(loc + reach, means.max(0).values).clamp(*knob.bounds)
    return torch.stack([low, torch.where(high > low, high, low + 1)], dim=1)
