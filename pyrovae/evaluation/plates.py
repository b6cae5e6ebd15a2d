"""How many data a batch stands for, according to the plate of the data."""

import torch
from pyro import poutine

from pyrovae.datasets.splits import Split
from pyrovae.datasets.values import to_dtype
from pyrovae.handlers import is_latent
from pyrovae.nn.modes import evaluation_mode
from pyrovae.programs import Program, dtype_of
from pyrovae.scope import isolated, without_validation

__all__ = ["data_in_plate"]

ROWS = 2  # enough data to run on


@torch.no_grad()
def data_in_plate(
    model: Program, split: Split, *, batch_size: int, device: torch.device
) -> int | None:
    r"""The size of the data's plate, if it is that of the whole data set and not of a batch.

    In such a plate, ``pyro.plate("data", N, subsample_size=B)``, every log-probability is scaled
    by N / B, and the loss of a batch stands for N data.

    If all N data share a latent :math:`\theta`, the bound is
    :math:`\sum_{n=1}^N E_q[\log p(x_n \mid \theta)] - KL(q(\theta), p(\theta))`. In batches of B,
    the sum has to be scaled in this way. A plate of the batch's own size would count the prior
    once for each batch, and the posterior would be too wide by :math:`\sqrt{N / B}`.

    Args:
        model: The program.
        split: The data.
        batch_size: Number of data in one step.
        device: The device of the model.

    Returns:
        The size N, or None if the plate has the size of the batch.

    Raises:
        ValueError: If there is such a latent and the plate of the data has the size of the batch.
    """
    if batch_size >= len(split):
        return None
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
    sizes = {frame.full_size for frame in plates} - {rows}
    if shared and not sizes:
        raise ValueError(
            f"site {shared[0]!r}: it is shared by all data, but the data plate has the size of a "
            f"batch, so batches of {batch_size} would count its prior once per batch; write "
            f"pyro.plate('data', {len(split)}, subsample_size=len(x)), or train with "
            f"batch_size={len(split)}"
        )
    return max(sizes) if sizes else None
