"""A rank that is killed: torchrun starts all again, and they go on to the same bits."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "restarted.py"


@pytest.mark.torture
def test_a_killed_rank_is_started_again_and_training_goes_on(tmp_path):
    found = {}
    for how in ("whole", "killed"):
        checkpoint = tmp_path / f"{how}.pt"
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc-per-node", "2", "--max-restarts", "1"]
        command += [str(SCRIPT), str(checkpoint), how]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run(command, env=environment, check=True, timeout=300, capture_output=True)
        found[how] = json.loads(checkpoint.with_suffix(".json").read_text())
    assert [found["whole"][0], found["killed"][0]] == ["0", "1"]  # it was started once more
    assert found["whole"][1] == found["killed"][1]
