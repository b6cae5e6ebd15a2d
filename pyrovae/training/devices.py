"""The device to train on."""

import torch

from pyrovae.programs import read_device

__all__ = ["choose_device"]


def choose_device(device: str | torch.device) -> torch.device:
    """Reads a device; "auto" is CUDA if there is a GPU, and the CPU otherwise.

    Raises:
        ValueError: If this machine has no such device.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return read_device(device)
