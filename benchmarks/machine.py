"""Which machine a number was measured on."""

import os
import platform
from pathlib import Path

import torch

__all__ = ["machine", "processor"]


def processor() -> str:
    """The processor's name, as Linux has it where there is a Linux."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def machine() -> str:
    """The processor, how many cores there are, and a GPU where there is one."""
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{processor()}, {os.cpu_count()} cores{gpu}"
