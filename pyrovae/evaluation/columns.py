"""The log-likelihood of each single column of a table."""

import math
from collections.abc import Callable, Collection
from typing import Any

import torch
from pyro import poutine
from torch import Tensor

from pyrovae.distributions import SideBySide, observed_mask
from pyrovae.distributions.unwrap import unwrapped
from pyrovae.handlers import binds
from pyrovae.nn.modes import evaluation_mode
from pyrovae.programs import Program, device_of
from pyrovae.scope import isolated, without_validation

__all__ = ["ColumnScores"]

# The product of draws, data and columns that are processed at once, which limits the memory.
NUMBERS = 4_000_000


class ColumnScores:
    r"""Scores each column of the data on its own, as if nothing else were known of a datum.

    .. math:: \log p(x_d) \approx \log \frac{1}{S} \sum_{s=1}^{S} p(x_d \mid z_s),
        \qquad z_s \sim p(z)

    The scores are in nats, in the column's own units. Their sum differs from :math:`\log p(x)` by
    the information that the columns share. The draws from the model's prior are the same for all
    data. There are no scores for data that are not columns of several families, nor for models
    that need more than the data as input, such as a conditional one.

    Args:
        model: The model.
        samples: Number of draws S.
        seed: Seed of the draws.
    """

    def __init__(self, model: Program, *, samples: int, seed: int) -> None:
        self.model, self.samples, self.seed = model, samples, seed
        self.names: tuple[str, ...] = ()
        self._density: SideBySide | None = None
        self._scores: list[Tensor] = []
        self._generates = binds(model.model, (None,))

    def add(self, sites: Collection[dict[str, Any]]) -> None:
        """Scores a batch, given its sites in a trace."""
        for site in sites if self._generates else ():
            fn: Any = unwrapped(site["fn"])
            if isinstance(fn, SideBySide) and len(fn.batch_shape) == 2:
                self.names = tuple(fn.names)
                self._scores.append(self._score(site).cpu())

    def gather(self, gather: Callable[[list[Tensor]], list[Tensor]]) -> None:
        """Combines the scores of several ranks, with a function that gathers parts."""
        self._scores = gather(self._scores)

    @property
    def columns(self) -> dict[str, Tensor]:
        """The scores of all data, ``(N,)`` for each column, NaN where a value is missing."""
        if not self.names:
            return {}
        return dict(zip(self.names, torch.cat(self._scores).unbind(-1), strict=True))

    @property
    def means(self) -> dict[str, float]:
        """The mean of each column's scores, over the data that have a value there."""
        return {name: scores.nanmean().item() for name, scores in self.columns.items()}

    def _score(self, site: dict[str, Any]) -> Tensor:
        if self._density is None:
            self._density = self._draw(site["name"])
        density, x = self._density, site["value"]
        mask = observed_mask(site["fn"], x)
        if mask is not None:
            x = torch.where(mask, x, density.inside(x))
        with torch.no_grad():
            rows = max(1, NUMBERS // (self.samples * x.shape[-1]))
            found = [density.log_prob(p.unsqueeze(-2)).logsumexp(-2) for p in x.split(rows)]
        scores = torch.cat(found).double() - math.log(self.samples)
        return scores if mask is None else torch.where(mask, scores, torch.nan)

    def _draw(self, name: str) -> SideBySide:
        """The distribution of a datum, given each of the draws from the prior."""
        device = device_of(self.model)
        empty = torch.empty(self.samples, 0, device=device)
        program = poutine.uncondition(self.model.model)
        with (
            isolated(device, self.seed),
            evaluation_mode(self.model),
            without_validation(),
            torch.no_grad(),
        ):
            trace = poutine.trace(program).get_trace(empty)
        fn: Any = unwrapped(trace.nodes[name]["fn"])
        return fn
