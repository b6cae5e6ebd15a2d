"""Weights to begin with, and the bound of held-out images under those at the end."""

from pathlib import Path

import numpy as np
import torch

from benchmarks.speed.cases import Case
from benchmarks.speed.contenders.by_hand import Network
from benchmarks.speed.data import Task, binarized, write_task
from benchmarks.speed.turns import Weights

__all__ = ["begin_task", "bound", "trained"]


def begin_task(folder: Path, case: Case, images: np.ndarray) -> np.ndarray:
    """Writes the weights and images that every contender of a case begins with.

    Args:
        folder: Where to write them.
        case: What to measure.
        images: Grey training images, uint8, ``(n, pixels)``.

    Returns:
        The images of the case, uint8, binarized where it says so.
    """
    torch.manual_seed(0)
    chosen = images[: case.images]
    if case.binarization == "static":
        chosen = binarized(chosen, seed=0)
    write_task(folder, case, chosen, Network(case).weights())
    return chosen


@torch.no_grad()
def bound(case: Case, weights: Weights, images: torch.Tensor) -> float:
    """The bound of images under weights, in nats per image: one measure for all contenders."""
    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    network = Network(case).take(weights)
    losses = [network(x, network.noise(len(x))) * len(x) for x in images.split(500)]
    torch.random.set_rng_state(state)
    return -torch.stack(losses).sum().item() / len(images)


def trained(folder: Path, case: Case, images: np.ndarray) -> Weights:
    """Weights after a pass over the images, so that there is a posterior to draw from."""
    task = Task(folder)
    network = Network(case).take(task.weights())
    optim = torch.optim.Adam(network.parameters(), lr=1e-3)
    x = torch.from_numpy(images.astype(np.float32) / 255)
    for batch in x.split(128):
        optim.zero_grad()
        network(batch, network.noise(len(batch))).backward()
        optim.step()
    return network.weights()
