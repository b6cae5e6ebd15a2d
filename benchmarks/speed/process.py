"""A contender's process, as its parent sees it."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.speed.cases import Device
from benchmarks.speed.contenders import CONTENDERS
from benchmarks.speed.data import read_weights
from benchmarks.speed.measurement import Options
from benchmarks.speed.turns import Weights

__all__ = ["LeftOut", "Worker", "environment"]

ROOT = Path(__file__).parent.parent.parent
# A contender that does not answer for so long is left out; compiling takes a minute at most.
PATIENCE = 300.0


def environment(threads: int, compiled: Path, device: Device = "cpu") -> dict[str, str]:
    """The variables of a process to be measured.

    Args:
        threads: Number of threads.
        compiled: Where compiled code is kept.
        device: Where it calculates.
    """
    of_device = {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
    if device == "cuda":
        of_device = {
            "JAX_PLATFORMS": "cuda",
            # Float32 for all: by themselves JAX multiplies and torch convolves in TensorFloat-32,
            # with 10 bits.
            "NVIDIA_TF32_OVERRIDE": "0",
            "JAX_DEFAULT_MATMUL_PRECISION": "highest",
            # Else JAX takes most of the memory as it starts, of which it tells no peak.
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        }
    return (
        os.environ
        | of_device
        | {
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "OMP_NUM_THREADS": str(threads),
            "MKL_NUM_THREADS": str(threads),
            "TORCHINDUCTOR_CACHE_DIR": str(compiled / "inductor"),
            "TRITON_CACHE_DIR": str(compiled / "triton"),
        }
    )


class LeftOut(Exception):
    """A worker gave up; the message says why."""

    def __init__(self, reason: str, *, failed: bool) -> None:
        super().__init__(reason)
        self.failed = failed


class Worker:
    """A contender's process.

    Args:
        name: A key of `CONTENDERS`.
        folder: The task.
        options: How to measure.
        cold: Whether it begins without anything compiled earlier.
    """

    def __init__(self, name: str, folder: Path, options: Options, *, cold: bool = False) -> None:
        self.name = name
        self.files = Path(tempfile.mkdtemp(dir=folder, prefix=f"{name}-"))
        compiled = self.files if cold else options.cache
        python = options.peers_python if CONTENDERS[name].peer else Path(sys.executable)
        self.log = (self.files / "log").open("w")
        self.process = subprocess.Popen(
            [str(python), "-m", "benchmarks.speed.worker", name, str(folder), options.device],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            env=environment(options.threads, compiled, options.device),
            bufsize=0,
        )
        # XLA sizes its pool of threads by the cores that a process may run on.
        if hasattr(os, "sched_setaffinity"):
            cores = sorted(os.sched_getaffinity(0))[: options.threads]
            os.sched_setaffinity(self.process.pid, cores)
        self.buffer = b""

    def ask(self, **order: Any) -> dict[str, Any]:
        """Gives an order and waits for the answer.

        Raises:
            LeftOut: If the worker says that it cannot, ends, or does not answer.
        """
        try:
            self.process.stdin.write((json.dumps(order) + "\n").encode())  # type: ignore[union-attr]
        except BrokenPipeError:
            pass  # its last words say why
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """Waits for an answer.

        Raises:
            LeftOut: If it is that the worker cannot, or there is none.
        """
        until = time.monotonic() + PATIENCE
        stdout = self.process.stdout
        assert stdout is not None
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([stdout], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise LeftOut(f"failed: no answer in {PATIENCE:.0f} s", failed=True)
            chunk = os.read(stdout.fileno(), 65536)
            if not chunk:
                raise LeftOut(f"failed: it ended{self.last_line()}", failed=True)
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        message = json.loads(line)
        if "left" in message:
            raise LeftOut(message["left"], failed=message.get("failed", False))
        return message

    def last_line(self) -> str:
        """The last thing that it said, which is likely the reason."""
        lines = (self.files / "log").read_text(errors="replace").strip().splitlines()
        return f" ({lines[-1][:200]})" if lines else ""

    def weights(self) -> Weights | None:
        """Its weights as they are now, where it has any."""
        path = self.files / "weights.npz"
        return read_weights(path) if self.ask(weights=str(path))["saved"] else None

    def close(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()  # type: ignore[union-attr]
        self.process.stdout.close()  # type: ignore[union-attr]
        self.log.close()
