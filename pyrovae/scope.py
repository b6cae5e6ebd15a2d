"""Leaving no trace: the random state and the parameter store are given back as they were."""

from collections.abc import Iterator
from contextlib import contextmanager

import pyro
import torch

__all__ = ["isolated"]


@contextmanager
def isolated(device: torch.device, seed: int | None = None) -> Iterator[None]:
    """Runs a block with its own parameter store and, with a seed, its own random numbers.

    Args:
        device: The device whose generator is kept, beside the CPU's.
        seed: Seed of the block's random numbers. With ``None`` the block draws from the
            caller's generators and moves them on.
    """
    with pyro.get_param_store().scope():
        if seed is None:
            yield
            return
        accelerator = [] if device.type == "cpu" else [device]
        kind = "cuda" if device.type == "cpu" else device.type
        with torch.random.fork_rng(devices=accelerator, device_type=kind):
            torch.manual_seed(seed)
            yield
