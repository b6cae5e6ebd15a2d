"""How a contender waits for its turn, and what it says at the end of it."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.cases import Device

__all__ = ["Quit", "Turns", "Unsupported", "Weights"]

# Encoder first, each layer's weight and bias, laid out as torch's layers do.
Weights = list[np.ndarray]


class Quit(BaseException):
    """Leaves a contender's loop; no ``except Exception`` on the way takes it."""


class Unsupported(Exception):
    """What the contender lacks for this case."""


class Turns:
    """Called by a contender between two epochs: times the last one, waits for the next.

    A contender that owns its loop and one that is a callback inside a library's loop wait in the
    same way. The first call says that the contender is ready; whatever it does after that call
    is on the clock.

    Args:
        send: Sends a message, a dict of plain values.
        receive: Waits for a message.
        device: Whose memory to tell.
    """

    def __init__(
        self,
        send: Callable[[dict[str, Any]], None],
        receive: Callable[[], dict[str, Any]],
        device: Device = "cpu",
    ) -> None:
        self.send, self.receive, self.device = send, receive, device
        self.began: float | None = None
        self.left = 0

    def __call__(
        self,
        weights: Callable[[], Weights] | None = None,
        result: float | None = None,
        wait: Callable[[], object] | None = None,
    ) -> None:
        """Ends an epoch.

        Args:
            weights: Gives the weights as they are now.
            result: What the epoch calculated, where it did not train.
            wait: Waits for what is under way on a device. It is called where a measurement begins or
                ends, not between the epochs of one.

        Raises:
            Quit: If there is nothing left to do.
        """
        self.left -= 1
        if self.left > 0:
            return
        if wait is not None:
            wait()
        ended = time.perf_counter()
        if self.began is None:
            self.send({"ready": True})
        else:
            self.send(
                {"seconds": ended - self.began, "peak": peak_memory(self.device), "result": result}
            )
        while True:
            order = self.receive()
            if "go" in order:
                self.left = order["go"]
                self.began = time.perf_counter()
                return
            if "weights" in order and weights is not None:
                np.savez(Path(order["weights"]), *weights())
                self.send({"saved": True})
            elif "weights" in order:
                self.send({"saved": False})
            else:
                raise Quit


def peak_memory(device: Device) -> float | None:
    """The process's largest memory so far, in MiB: on the CPU resident, on a GPU in its arrays."""
    if device == "cuda":
        return _peak_on_gpu()
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: what it gives begins with the memory of the process that started this.
        (line,) = (s for s in status.read_text().splitlines() if s.startswith("VmHWM"))
        return int(line.split()[1]) / 2**10
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _peak_on_gpu() -> float | None:
    """As torch or JAX tells it, whichever the process has loaded (JAX's contenders load no torch)."""
    if "torch" in sys.modules:
        return sys.modules["torch"].cuda.max_memory_allocated() / 2**20
    if "jax" in sys.modules:
        (device, *_) = sys.modules["jax"].local_devices()
        statistics = device.memory_stats() or {}
        peak = statistics.get("peak_bytes_in_use")
        return None if peak is None else peak / 2**20
    return None
