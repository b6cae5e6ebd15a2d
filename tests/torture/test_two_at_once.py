"""Two commands that want the same folder at once."""

import json

import pytest
import torch
from command_line import quick
from test_kills import start

from pyrovae.checkpoint import read


# Folders are taken in one process, and locked by two, in the command line's tests.
@pytest.mark.torture
@pytest.mark.parametrize("time", range(3))
@pytest.mark.parametrize("out", [[], ["--out", "run"]], ids=["numbered", "named"])
def test_two_trainings_begun_together(out, time, in_tmp):
    options = [*quick(epochs=1), "--compile", "false"]
    both = [start("train", *options, "--seed", seed, *out) for seed in (1, 2)]
    said = [process.communicate()[1] for process in both]
    codes = [process.returncode for process in both]
    if not out:  # a folder each
        assert codes == [0, 0], said
        runs = [in_tmp / "runs" / f"digits-NormalPrior-ELBO-{i}" for i in (1, 2)]
        assert {read(run / "checkpoint.pt")["notes"]["options"]["seed"] for run in runs} == {1, 2}
        for run in runs:
            assert json.loads((run / "report.json").read_text())["training"]["epochs"] == 1
        return
    assert sorted(codes) == [0, 2], said
    refused = said[codes.index(2)]
    assert refused.count("\n") == 1
    assert "--out" in refused or "another process" in refused
    options = read(in_tmp / "run" / "checkpoint.pt")["notes"]["options"]
    assert options["seed"] == 1 + codes.index(0)


@pytest.mark.torture
def test_two_resumes_begun_together(in_tmp):
    process = start("train", *quick(epochs=1), "--compile", "false", "--out", "run")
    process.communicate()
    both = [start("resume", "run", "--epochs", "30", "--quiet") for _ in range(2)]
    said = [process.communicate()[1] for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], said
    history = read(in_tmp / "run" / "checkpoint.pt")["training"]["history"]
    assert len(history["rows"]) == 30
    assert all(torch.isfinite(torch.tensor(row["loss"])) for row in history["rows"])
