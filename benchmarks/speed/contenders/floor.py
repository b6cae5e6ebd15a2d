"""The matrix products of a training step and nothing else: no step of that network is faster."""

from itertools import pairwise

import torch
from torch import Tensor

from benchmarks.speed.data import Task
from benchmarks.speed.turns import Turns, Unsupported

__all__ = ["run"]


def run(task: Task, turn: Turns, variant: str) -> None:
    """Multiplies, as often as an epoch has steps."""
    case = task.case
    if case.dense or case.blocks:
        raise Unsupported("made of fully connected layers")
    encoder = pairwise((784, *case.hidden, 2 * case.latents))
    decoder = pairwise((case.latents, *reversed(case.hidden), 784))
    products: list[tuple[Tensor, Tensor, Tensor]] = []
    for rows, sizes in ((case.batch, encoder), (case.batch * max(1, case.particles), decoder)):
        for n_in, n_out in sizes:
            x, grad, w = torch.rand(rows, n_in), torch.rand(rows, n_out), torch.rand(n_out, n_in)
            products.append((x, w.t(), torch.empty(rows, n_out)))
            products.append((grad.t(), x, torch.empty(n_out, n_in)))
            if n_in != 784:  # the data need no gradient
                products.append((grad, w, torch.empty(rows, n_in)))
    turn()
    while True:
        for _ in range(case.steps):
            for a, b, out in products:
                torch.mm(a, b, out=out)
        turn()
