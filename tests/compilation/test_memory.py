"""Freed memory stays in the process, in one of its own since there is no going back."""

import os
import platform
import subprocess
import sys

import pytest

ROUNDS = """
import resource, torch
from pyrovae.compilation.memory import keep_freed_memory
keep_freed_memory()
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensors = [torch.zeros(2**19) for _ in range(30)]
    del tensors
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


# A tenth of the pages of a round: a tensor may find no hole that it fits into.
FEW = 1536


def faults(**variables):
    """Pages mapped in a third round of making and freeing 60 MiB, which has 15360 pages."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", ROUNDS],
        env=kept | {"OMP_NUM_THREADS": "1"} | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_freed_memory_is_not_mapped_anew():
    assert faults() < FEW


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")
def test_what_the_environment_says_comes_first():
    assert faults(MALLOC_TRIM_THRESHOLD_="0", MALLOC_MMAP_THRESHOLD_="65536") > FEW
