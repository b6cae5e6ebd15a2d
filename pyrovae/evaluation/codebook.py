"""How much of a codebook is in use."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pyrovae.distributions.codes import NearestCode
from pyrovae.handlers import is_latent

__all__ = ["CodebookUse", "code_counts", "summarize_use"]


@dataclass(frozen=True)
class CodebookUse:
    r"""How often each code of a codebook is taken, over all data and places, by weight.

    Attributes:
        codes: Number of codes.
        dead: How many of them are never taken.
        perplexity: :math:`\exp(-\sum_k f_k \log f_k)` of the shares :math:`f_k`: the number of
            codes that would be as many if all were taken equally often.
    """

    codes: int
    dead: int
    perplexity: float


def code_counts(guide_trace: Any, weight: Tensor | None = None) -> dict[str, Tensor]:
    """How often each code is taken in a batch, ``(codes,)``, for each latent with a codebook.

    Args:
        guide_trace: The trace of the guide.
        weight: How much each datum counts, ``(B,)``; once, if left out.
    """
    return {
        name: _counts(site["fn"], weight)
        for name, site in guide_trace.nodes.items()
        if site["type"] == "sample" and is_latent(site) and isinstance(site["fn"], NearestCode)
    }


def _counts(fn: NearestCode, weight: Tensor | None) -> Tensor:
    codes = len(fn.codebook)
    if weight is None:
        return torch.bincount(fn.indices.flatten(), minlength=codes)
    places = weight.double().view(-1, *[1] * (fn.indices.dim() - 1)).expand_as(fn.indices)
    return torch.bincount(fn.indices.flatten(), weights=places.flatten(), minlength=codes)


def summarize_use(counts: Tensor) -> CodebookUse:
    """Puts the counts of all data together."""
    shares = counts.double() / counts.sum()
    return CodebookUse(
        codes=len(counts),
        dead=int((counts == 0).sum()),
        perplexity=torch.special.entr(shares).sum().exp().item(),
    )
