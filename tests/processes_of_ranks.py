"""Starting a function on several ranks, which talk over gloo."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
# To import torch takes longer than what most ranks do: one process does, and the ranks are forked
# from it before anything is calculated, which would start threads.
MAIN = """
import importlib, json, os, sys, warnings
warnings.simplefilter("error")
module, function, folder, ports, *arguments = sys.argv[1:]
sys.path.insert(0, {tests!r})
function = getattr(importlib.import_module(module), function)

def fork(size):
    children = []
    for rank in range(size):
        children.append(os.fork())
        if not children[-1]:
            return rank
    ends = [os.waitpid(child, 0)[1] for child in children]
    return sys.exit(f"{{size}} ranks ended with {{ends}}") if any(ends) else None

for size, port in json.loads(ports).items():
    os.environ |= {{"WORLD_SIZE": size, "MASTER_PORT": port, "MASTER_ADDR": "127.0.0.1"}}
    rank = fork(int(size))
    if rank is not None:
        os.environ["RANK"] = os.environ["LOCAL_RANK"] = str(rank)
        found = function(*arguments)
        with open(os.path.join(folder, f"{{size}}-{{rank}}.json"), "w") as out:
            json.dump(found, out)
        break
"""


def on_ranks(sizes, module, function, folder, *arguments, timeout=600):
    """What a function of a module of the tests gives on each of 2 ranks, say, then of 3.

    The processes are made as ``torchrun`` makes them, by what it sets in their environment.
    """
    out = folder / function
    out.mkdir()
    ports = json.dumps({str(size): free_port() for size in sizes})
    command = [sys.executable, "-c", MAIN.format(tests=str(TESTS))]
    done = subprocess.run(
        [*command, module, function, str(out), ports, *map(str, arguments)],
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, done.stderr
    return {
        size: [json.loads((out / f"{size}-{rank}.json").read_text()) for rank in range(size)]
        for size in sizes
    }


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])
