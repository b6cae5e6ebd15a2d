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
    r"""How often each code of a codebook is taken, over all data and places.

    Attributes:
        codes: Number of codes.
        dead: How many of them are never taken.
        perplexity: :math:`\exp(-\sum_k f_k \log f_k)` of the shares :math:`f_k`: the number of
            codes that would be as many if all were taken equally often.
    """

    codes: int
    dead: int
    perplexity: float


def code_counts(guide_trace: Any) -> dict[str, Tensor]:
    """How often each code is taken in a batch, ``(codes,)``, for each latent with a codebook."""
    return {
        name: torch.bincount(site["fn"].indices.flatten(), minlength=len(site["fn"].codebook))
        for name, site in guide_trace.nodes.items()
        if site["type"] == "sample" and is_latent(site) and isinstance(site["fn"], NearestCode)
    }


def summarize_use(counts: Tensor) -> CodebookUse:
    """Puts the counts of all data together."""
    shares = counts.double() / counts.sum()
    return CodebookUse(
        codes=len(counts),
        dead=int((counts == 0).sum()),
        perplexity=torch.special.entr(shares).sum().exp().item(),
    )
