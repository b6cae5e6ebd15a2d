"""Which machine a number was measured on."""

import os
import subprocess

import torch

from pyrovae.compilation.machine import processor

__all__ = ["gpu", "machine"]


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
