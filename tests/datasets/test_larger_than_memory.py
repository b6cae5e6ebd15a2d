"""Files larger than the memory that a process may have are trained on and evaluated."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

# What may be allocated is limited by the kernel: RLIMIT_DATA counts heap and private memory, and
# leaves out the pages of a mapped file, which the kernel takes back when it needs them.
PROGRAM = """
import json, resource, sys
import torch
from pyrovae import VAE, evaluate, fit, load_data
from pyrovae.datasets import arrays, split_tensors
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

def status(name):
    with open("/proc/self/status") as lines:
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith(name))

def train(data, features):
    torch.manual_seed(0)
    vae = VAE(
        NormalPrior(2),
        NormalPosterior(MLP(features, [8], 4)),
        NormalLikelihood(MLP(2, [8], features)),
    )
    history = fit(vae, data, epochs=1, batch_size=64, progress=False)
    return len(history), evaluate(vae, data.test, samples=2).data

path, room, features = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
arrays.MEMORY_LIMIT = min(arrays.MEMORY_LIMIT, room)
small = torch.rand(600, features)
train(split_tensors(small, test=300), features)  # what all of it takes once
del small
limit = room if room > 2**30 else status("VmData") + room
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
data = load_data(path)
epochs, tested = train(data, features)
found = {"epochs": epochs, "data": data.sizes, "tested": tested, "kind": type(data.train).__name__}
print(json.dumps(found | {"RssAnon": status("RssAnon"), "VmData": status("VmData")}))
"""
FEATURES = 12_288


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is that of Linux")
@pytest.mark.parametrize(
    ("size", "dtype", "room"),
    [
        # 256 MiB as 32-bit floats, with half of that for them beside what a small run takes.
        pytest.param(2**26, "u1", 2**27, id="small"),
        # 6 GB within 2 GB for the whole process.
        pytest.param(6 * 10**9, "f4", 2 * 10**9, id="six", marks=pytest.mark.torture),
    ],
)
def test_more_data_than_may_be_allocated(tmp_path, size, dtype, room):
    """The file has holes for zeros, and takes no place on the disk."""
    rows = size // np.dtype(dtype).itemsize // FEATURES
    array = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", dtype, (rows, FEATURES))
    array[:: rows // 50] = np.random.default_rng(0).integers(
        0, 2 if dtype == "f4" else 256, FEATURES
    )
    array.flush()
    del array
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(tmp_path / "x.npy")]
    done = subprocess.run(
        [*command, str(room), str(FEATURES)],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    print(found)
    assert found["kind"] == "MappedSplit"
    assert found["epochs"] == 1
    assert found["tested"] == found["data"]["test"]
    assert sum(found["data"].values()) == rows
