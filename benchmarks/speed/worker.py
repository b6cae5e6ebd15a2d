"""One contender in a process of its own: ``python -m benchmarks.speed.worker NAME FOLDER DEVICE``.

It reads orders from its standard input and answers on its standard output, a line of JSON each.
Whatever libraries print goes to standard error.
"""

import json
import os
import sys
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

from benchmarks.speed.cases import Device
from benchmarks.speed.contenders import CONTENDERS
from benchmarks.speed.data import Task
from benchmarks.speed.turns import Quit, Turns, Unsupported

PACKAGES = {
    "pyro": "pyro-ppl",
    "torch": "torch",
    "triton": "triton",
    "pythae": "pythae",
    "jax": "jax",
    "jaxlib": "jaxlib",
    "numpyro": "numpyro",
}


def main(name: str, folder: Path, device: Device) -> None:
    """Runs a contender until it is told to quit, or says why it cannot run."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def send(message: dict[str, Any]) -> None:
        if message.get("ready"):
            message = message | {"versions": versions()}
        answers.write(json.dumps(message) + "\n")

    def receive() -> dict[str, Any]:
        line = sys.stdin.readline()
        return json.loads(line) if line else {"quit": True}

    contender = CONTENDERS[name]
    try:
        module = import_module(f"benchmarks.speed.contenders.{contender.module}")
        module.run(Task(folder, device), Turns(send, receive, device), contender.variant)
    except Quit:
        pass
    except ImportError as error:
        send({"left": f"not installed: {error}"})
    except Unsupported as error:
        send({"left": str(error)})
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        send({"left": f"failed: {type(error).__name__}: {lines[0][:200]}", "failed": True})
        raise
    finally:
        answers.flush()


def versions() -> dict[str, str]:
    """The versions of what has been imported."""
    found = {}
    for module, package in PACKAGES.items():
        if module in sys.modules:
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                continue
    return found


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), cast(Device, sys.argv[3]))
