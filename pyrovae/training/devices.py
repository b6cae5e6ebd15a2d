"""Where to train."""

import torch

__all__ = ["choose_device"]


def choose_device(device: str | torch.device) -> torch.device:
    """Reads a device; "auto" is CUDA where there is one and else the CPU.

    Raises:
        ValueError: If there is no such device on this machine.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"device: expected 'auto', 'cpu' or one that this machine has, got {device!r} ({reason})"
        ) from None
