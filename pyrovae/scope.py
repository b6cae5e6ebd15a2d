"""Leaving no trace: random state, parameter store and validation are given back as they were."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pyro
import torch
from torch.distributions import Distribution

from pyrovae.stage import on_stage

__all__ = ["isolated", "kept_random_state", "without_validation"]


@contextmanager
def isolated(device: torch.device, seed: int | None = None) -> Iterator[None]:
    """Runs a block with its own parameter store and, with a seed, its own random numbers.

    No other thread runs programs meanwhile; see `on_stage`.

    Args:
        device: The device whose generator is kept, beside the CPU's.
        seed: Seed of the block's random numbers. With ``None`` the block draws from the
            caller's generators and moves them on.
    """
    with on_stage(), pyro.get_param_store().scope():
        if seed is None:
            yield
            return
        accelerator = [] if device.type == "cpu" else [device]
        kind = "cuda" if device.type == "cpu" else device.type
        with torch.random.fork_rng(devices=accelerator, device_type=kind):
            _seed(device, seed)
            yield


@contextmanager
def kept_random_state(devices: Iterable[int] = ()) -> Iterator[None]:
    """Runs a block and gives torch's random numbers back as they were.

    No other thread runs programs meanwhile, whose numbers would be drawn again; see `on_stage`.

    Args:
        devices: CUDA devices whose generators are kept, beside the CPU's.
    """
    with on_stage(), torch.random.fork_rng(devices=list(devices)):
        yield


def _seed(device: torch.device, seed: int) -> None:
    # Not torch.manual_seed: it seeds every device there is, and only these are given back.
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@contextmanager
def without_validation() -> Iterator[None]:
    """Switches off the checks of Pyro and of torch's distributions for a block.

    ``pyro.validation_enabled`` alone gives torch's flag back as Pyro's, whatever it was.
    """
    flag = Distribution._validate_args
    try:
        with pyro.validation_enabled(False):
            yield
    finally:
        Distribution.set_default_validate_args(flag)
