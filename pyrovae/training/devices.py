"""Where to train."""

import torch

from pyrovae.programs import read_device

__all__ = ["choose_device"]


def choose_device(device: str | torch.device) -> torch.device:
    """Reads a device; "auto" is CUDA where there is one and else the CPU.

    Raises:
        ValueError: If there is no such device on this machine.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return read_device(device)
