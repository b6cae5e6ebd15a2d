"""How much of a codebook is used."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pyrovae.distributions import NearestCode
from pyrovae.handlers import is_latent

__all__ = ["CodebookUse", "code_counts", "summarize_use"]


@dataclass(frozen=True)
class CodebookUse:
    r"""How often each code of a codebook is used, over all data and places, weighted.

    Attributes:
        codes: Number of codes.
        dead: Number of codes that are never used.
        perplexity: :math:`\exp(-\sum_k f_k \log f_k)` of the shares :math:`f_k`: the effective
            number of codes, which equals the number of codes if all are used equally often.
    """

    codes: int
    dead: int
    perplexity: float


def code_counts(guide_trace: Any, weight: Tensor | None = None) -> dict[str, Tensor]:
    """Counts how often each code is used in a batch, for each latent with a codebook.

    Args:
        guide_trace: The trace of the guide.
        weight: The weight of each datum, ``(B,)``; all 1, if left out.

    Returns:
        The counts for each stage of each codebook, ``(stages, codes)``.
    """
    return {
        name: _counts(site["fn"], weight)
        for name, site in guide_trace.nodes.items()
        if site["type"] == "sample" and is_latent(site) and isinstance(site["fn"], NearestCode)
    }


def _counts(fn: NearestCode, weight: Tensor | None) -> Tensor:
    numbers, codes = fn.indices, fn.codebook.codes
    if weight is not None:
        weight = weight.double().view(-1, *[1] * (numbers.dim() - 1)).expand_as(numbers)
    stages = fn.codebook.by_stage(numbers, fn.event_dim)
    weights = (
        (None,) * len(stages) if weight is None else fn.codebook.by_stage(weight, fn.event_dim)
    )
    return torch.stack(
        [
            torch.bincount(number.flatten(), None if w is None else w.flatten(), minlength=codes)
            for number, w in zip(stages, weights, strict=True)
        ]
    )


def summarize_use(counts: dict[str, Tensor]) -> dict[str, CodebookUse]:
    """Summarizes each codebook from its counts; several stages are named ``"z[1]"``, ..."""
    return {
        name if len(stages) == 1 else f"{name}[{i}]": _use(of_stage)
        for name, stages in counts.items()
        for i, of_stage in enumerate(stages, 1)
    }


def _use(counts: Tensor) -> CodebookUse:
    shares = counts.double() / counts.sum()
    return CodebookUse(
        codes=len(counts),
        dead=int((counts == 0).sum()),
        perplexity=torch.special.entr(shares).sum().exp().item(),
    )
