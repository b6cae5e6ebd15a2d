"""Starting a function on several ranks, which talk over gloo."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent
MAIN = """
import importlib, json, sys, warnings
warnings.simplefilter("error")
module, function, out, *arguments = sys.argv[1:]
sys.path.insert(0, {tests!r})
found = getattr(importlib.import_module(module), function)(*arguments)
open(out, "w").write(json.dumps(found))
"""


def on_ranks(size, module, function, folder, *arguments, timeout=240):
    """What a function of a module of the tests gives on each of some ranks.

    The processes are made as ``torchrun`` makes them, by what it sets in their environment.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = []
    for rank in range(size):
        told = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "MASTER_PORT": port}
        environment = os.environ | {name: str(value) for name, value in told.items()}
        environment |= {"MASTER_ADDR": "127.0.0.1", "OMP_NUM_THREADS": "1"}
        main = MAIN.format(tests=str(TESTS))
        out = str(folder / f"{function}-{size}-{rank}.json")
        command = [sys.executable, "-c", main, module, function, out, *map(str, arguments)]
        processes.append((subprocess.Popen(command, env=environment, stderr=subprocess.PIPE), out))
    errors = [process.communicate(timeout=timeout)[1].decode() for process, _ in processes]
    codes = [process.returncode for process, _ in processes]
    assert codes == [0] * size, "\n".join(errors)
    return [json.loads(Path(out).read_text()) for _, out in processes]
