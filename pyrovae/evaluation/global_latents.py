"""Whether latents that all data share meet batches that stand for all of them."""

import torch
from pyro import poutine

from pyrovae.datasets.splits import Split
from pyrovae.datasets.values import to_dtype
from pyrovae.handlers import is_latent
from pyrovae.nn.modes import evaluation_mode
from pyrovae.programs import Program, dtype_of
from pyrovae.scope import isolated, without_validation

__all__ = ["check_global_latents"]

ROWS = 2  # enough to run on


@torch.no_grad()
def check_global_latents(
    model: Program, split: Split, *, batch_size: int, device: torch.device
) -> None:
    r"""Refuses mini-batches for a latent of all data whose plate does not know how many there are.

    Of a latent :math:`\theta` that all N data share, the bound is
    :math:`\sum_{n=1}^N E_q[\log p(x_n \mid \theta)] - KL(q(\theta), p(\theta))`. In batches of B
    the sum has to be scaled by N / B, which ``pyro.plate("data", N, subsample_size=B)`` does; a
    plate of the batch's own size counts the prior once for each batch, so that the posterior is
    wider than it should be by :math:`\sqrt{N / B}`.

    Args:
        model: The program.
        split: The data.
        batch_size: Data in one step.
        device: Where the model is.

    Raises:
        ValueError: If there is such a latent and the plate of the data has their batch's size.
    """
    if batch_size >= len(split):
        return
    with isolated(device, seed=0), evaluation_mode(model), without_validation():
        batch = to_dtype((value.to(device) for value in split.take(ROWS)), dtype_of(model))
        rows = len(batch[0])
        guide_trace = poutine.trace(model.guide).get_trace(*batch)
        program = poutine.replay(model.model, trace=guide_trace)
        trace = poutine.trace(program).get_trace(*batch)
    sites = [site for site in trace.nodes.values() if site["type"] == "sample"]
    shared = [s["name"] for s in sites if is_latent(s) and not s["cond_indep_stack"]]
    plates = [
        frame
        for s in sites
        if s["is_observed"]
        for frame in s["cond_indep_stack"]
        if frame.size == rows
    ]
    if shared and all(frame.full_size == rows for frame in plates):
        raise ValueError(
            f"site {shared[0]!r}: all data share it, but the plate of the data has the size of a "
            f"batch, so that batches of {batch_size} would count its prior once for each; write "
            f"pyro.plate('data', {len(split)}, subsample_size=len(x)), or train with "
            f"batch_size={len(split)}"
        )
