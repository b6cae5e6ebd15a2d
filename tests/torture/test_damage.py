"""Flipped bits, and keys of a run's files that are missing or hold something else."""

import copy
import json
import random
import shutil

import pytest
import torch
from command_line import quick
from odd_values import ODD, places

from pyrovae.checkpoint import digest, load, read, write
from pyrovae.cli import main

pytestmark = pytest.mark.usefixtures("dots")

BITS, BITS_ALWAYS = 1000, 40
TRIALS, TRIALS_ALWAYS = 400, 20
OPENING = {
    "resume": ["--epochs", "3", "--quiet"],
    "evaluate": ["--samples", "2"],
    "sample": ["--n", "2", "--out", "x.npy"],
    "compare": [],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with all that a checkpoint may hold."""
    folder = tmp_path_factory.mktemp("damage") / "run"
    options = ["--patience", "5", "--average", "0.9", "--binarization", "dynamic"]
    scheduler = ["--scheduler", "StepLR", "--scheduler.step_size", "1", "--compile", "false"]
    prior = ["--prior", "VampPrior", "--prior.components", "3"]
    assert main(["train", *quick(), *options, *scheduler, *prior, "--out", str(folder)]) == 0
    return folder


@pytest.mark.parametrize(
    "bits", [BITS_ALWAYS, pytest.param(BITS, marks=pytest.mark.torture)], ids=str
)
def test_flipped_bits_are_seen(bits, run, tmp_path):
    whole = (run / "checkpoint.pt").read_bytes()
    right = digest(load(run / "checkpoint.pt").state_dict())
    generator, path = random.Random(0), tmp_path / "flipped.pt"
    for _ in range(bits):
        damaged = bytearray(whole)
        bit = generator.randrange(8 * len(whole))
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            model = load(path)
        except ValueError as error:
            assert "flipped.pt" in str(error)  # noqa: PT017
        else:  # a bit between the archive's parts
            assert digest(model.state_dict()) == right, bit


def at(content, place):
    for key in place:
        content = content[key]
    return content


def answered(command, folder, file, capsys, note):
    """Opens a damaged run: all is well, or one line says which file does not read."""
    code = main([command, str(folder), *OPENING[command]])
    said = capsys.readouterr().err
    assert code in (0, 1, 2), note
    assert "Traceback" not in said, note
    if code:
        assert said.splitlines()[-1].startswith("pyrovae: "), note
        assert len(said) < 1500, note
    if code == 2:
        assert file in said, (note, said)
    return code


def damage(content, place, change):
    holder = at(content, place[:-1])
    if change == "missing":
        del holder[place[-1]]
    else:
        holder[place[-1]] = ODD[change]


@pytest.mark.parametrize(
    "trials", [TRIALS_ALWAYS, pytest.param(TRIALS, marks=pytest.mark.torture)], ids=str
)
@pytest.mark.parametrize("part", ["training", "components", "notes"])
# Another learning rate, say, is taken with a warning.
@pytest.mark.filterwarnings("ignore:resume. ")
def test_a_checkpoint_with_keys_missing_or_other_values(
    trials, part, run, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    generator = random.Random(part)
    content = read(run / "checkpoint.pt")
    where = sorted(places(content[part]), key=str)
    for trial in range(trials):
        folder = shutil.copytree(run, tmp_path / "copied")
        broken, place = copy.deepcopy(content), (part, *generator.choice(where))
        change = generator.choice(["missing"] * 6 + list(range(len(ODD))))
        damage(broken, place, change)
        write(folder / "checkpoint.pt", broken)
        command = generator.choice(list(OPENING))
        note = (trial, command, place, change)
        answered(command, folder, "", capsys, note)
        shutil.rmtree(folder)


def test_every_key_that_a_run_goes_on_with(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    content = read(run / "checkpoint.pt")
    folder = shutil.copytree(run, tmp_path / "copied")
    # Keys that only some training has are left out by training without; it needs the others.
    for key in content["training"]:
        broken = copy.deepcopy(content)
        del broken["training"][key]
        write(folder / "checkpoint.pt", broken)
        code = main(["resume", str(folder), "--epochs", "3", "--quiet"])
        said = capsys.readouterr().err
        assert code == 2, key
        assert said.count("\n") == 1
        assert "checkpoint.pt: " in said
        assert key in said


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.torture)])
@pytest.mark.parametrize("change", ["missing", *range(len(ODD))])
def test_a_report_with_keys_missing_or_other_values(change, step, run, tmp_path, capsys):
    folder = shutil.copytree(run, tmp_path / "copied")
    report = json.loads((folder / "report.json").read_text())
    if change != "missing" and isinstance(ODD[change], torch.Tensor):
        pytest.skip("no value of JSON")
    # Each change has its turn at other places.
    first = 0 if change == "missing" else change % step
    for place in [*places(report)][first::step]:
        broken = copy.deepcopy(report)
        damage(broken, place, change)
        (folder / "report.json").write_text(json.dumps(broken))
        answered("compare", folder, "report", capsys, place)


def test_nan_weights_are_named(run, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    folder = shutil.copytree(run, tmp_path / "copied")
    content = read(folder / "checkpoint.pt")
    for state in (content["state_dict"], content["training"]["best"]):
        for tensor in state.values():
            tensor.fill_(float("nan"))
    write(folder / "checkpoint.pt", content)
    for command in ("resume", "evaluate", "sample"):
        assert answered(command, folder, "checkpoint.pt", capsys, command) == 2
