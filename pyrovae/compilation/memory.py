"""What the C library does with freed memory."""

import ctypes
import os
import platform

__all__ = ["keep_freed_memory"]

# Parameters of mallopt, in <malloc.h>.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT = 256 * 2**20  # bytes
LARGEST = 32 * 2**20  # bytes, the most that mallopt takes


def keep_freed_memory() -> None:
    """Makes glibc keep up to 256 MiB of freed memory for the next tensors, in all of the process.

    By itself it may give what a step has freed back to the system, and each page is mapped anew
    in the next step. Whether it does depends on where in the heap something that lives longer
    happens to lie, so that some processes are slower than others for no reason of their own.

    There is no asking what was set before, and thus no going back. Nothing is done where the
    environment sets malloc's parameters, or where the C library is another one.
    """
    chosen = any(name.startswith("MALLOC_") for name in os.environ)
    if chosen or "GLIBC_TUNABLES" in os.environ or platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    mallopt(M_MMAP_THRESHOLD, LARGEST)
    mallopt(M_TRIM_THRESHOLD, KEPT)
