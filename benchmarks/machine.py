"""Which machine a number was measured on."""

import os
import platform
import subprocess
from pathlib import Path

import torch

__all__ = ["gpu", "machine", "processor"]


def processor() -> str:
    """The processor's name, as Linux has it where there is a Linux."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def gpu() -> str:
    """The GPU's name, the driver, and the libraries of CUDA that torch brings."""
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        asked = subprocess.run(query, stdout=subprocess.PIPE, text=True, check=True)
        driver = asked.stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError, IndexError):
        driver = "unknown"
    cudnn = torch.backends.cudnn.version()
    return (
        f"{torch.cuda.get_device_name()}, driver {driver}, CUDA {torch.version.cuda}, "
        f"cuDNN {cudnn}, beside {processor()}"
    )


def machine() -> str:
    """The processor, how many cores there are, and a GPU where there is one."""
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{processor()}, {os.cpu_count()} cores{gpu}"
