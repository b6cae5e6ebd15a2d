"""What of the machine and of the process decides about a compiled program."""

import platform
from functools import cache
from pathlib import Path

import torch

__all__ = ["instructions", "processor", "settings"]


def processor() -> str:
    """The processor's name, as Linux has it where there is a Linux."""
    named = [line.partition(":")[2].strip() for line in _described("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def instructions() -> str:
    """The processor's sets of instructions, as Linux lists them; empty on another system."""
    return next(iter(_described("flags", "Features")), "")


def settings(device: torch.device) -> tuple[object, ...]:
    """The settings of torch's that decide about a program for a device."""
    return (
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
        bool(torch.backends.mkldnn.enabled),
        torch.is_autocast_enabled(device.type),
        torch.get_autocast_dtype(device.type),
    )


@cache
def _described(*names: str) -> tuple[str, ...]:
    """The lines of the kernel's description of the processor that begin so."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    return tuple(line for line in text.splitlines() if line.startswith(names))
