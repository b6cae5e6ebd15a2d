"""A latent that is a map, from ``pyrovae train`` to every command that opens the run."""

import json

import numpy as np
import pytest
import torch
from command_line import FIGURES, names_in, quick, save_a_dot

from pyrovae.cli import main
from pyrovae.cli.runs import Run
from pyrovae.explorer import Explorer

MAP = (2, 2, 2)


@pytest.fixture(scope="module", autouse=True)
def _only_dots():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pyrovae.cli.figures.save_figure", save_a_dot)
        yield


@pytest.fixture(scope="module")
def of_maps(tmp_path_factory):
    folder = tmp_path_factory.mktemp("maps") / "run"
    options = ["--prior", "FlowPrior", "--prior.hidden", "[8]", "--binarization", "none"]
    command = ["train", *quick(latents="[2, 2, 2]"), *options, "--out", str(folder)]
    assert main(command) == 0
    return folder


def test_the_run_has_all_figures_and_a_report_of_single_variables(of_maps):
    assert names_in(of_maps / "figures") == FIGURES
    report = json.loads((of_maps / "report.json").read_text())
    assert report["model"]["latent_features"] == list(MAP)
    assert 0 <= report["active_units"]["z"] <= 8
    assert "2 \N{MULTIPLICATION SIGN} 2 \N{MULTIPLICATION SIGN} 2" in (
        of_maps / "report.html"
    ).read_text(encoding="utf-8")
    assert Run(of_maps).model().latent_shape == MAP


def test_codes_are_maps(of_maps, tmp_path):
    out = tmp_path / "codes.npy"
    assert main(["encode", str(of_maps), "--out", str(out)]) == 0
    assert np.load(out).shape[1:] == MAP


@pytest.mark.parametrize(
    "command",
    [
        ["evaluate", "--samples", "5"],
        ["latents"],
        ["score", "--samples", "5", "--out", "OUT.csv"],
        ["sample", "--out", "OUT.npy"],
        ["reconstruct", "--out", "OUT.npy"],
        pytest.param(["export", "--out", "OUT.pt2"], marks=pytest.mark.proof),
        pytest.param(
            ["anneal", "--first", "3", "--temperatures", "5", "--chains", "2", "--out", "OUT.csv"],
            marks=pytest.mark.proof,
        ),
    ],
    ids=lambda command: command[0],
)
def test_commands_take_a_run_of_maps(of_maps, tmp_path, command):
    name, *rest = (part.replace("OUT", str(tmp_path / "out")) for part in command)
    assert main([name, str(of_maps), *rest]) == 0


def test_a_run_of_maps_is_explored(of_maps):
    run = Run(of_maps)
    explorer = Explorer(run.model(), run.data, run.data.test)
    (knobs,) = explorer.encode(0)["knobs"].values()
    assert len(knobs) == 8
    assert explorer.sample(2)
    assert explorer.plane("z", [3, 7])


@pytest.mark.filterwarnings("ignore:.*Flow has no mean in closed form")
@pytest.mark.parametrize(
    "parts",
    [
        ("GammaPosterior", "GammaPrior"),
        ("VonMisesPosterior", "VonMisesPrior"),
        ("IAFPosterior", "NormalPrior"),
    ],
)
def test_posteriors_of_other_kinds_take_maps(parts, tmp_path):
    posterior, prior = parts
    folder, out = tmp_path / "run", tmp_path / "codes.npy"
    options = ["--posterior", posterior, "--prior", prior, "--binarization", "none"]
    command = ["train", *quick(latents="[2, 2, 2]"), *options, "--out", str(folder)]
    assert main(command) == 0
    assert main(["encode", str(folder), "--moments", "draws", "--out", str(out)]) == 0
    assert np.load(out).shape[1:] == MAP
    assert main(["sample", str(folder), "--out", str(tmp_path / "x.npy")]) == 0


def test_the_model_trains_compiled(of_maps, only_traced):
    """The step that is compiled is compared with the eager one before it is used."""
    from pyrovae import fit

    model, x = Run(of_maps).model(), torch.rand(40, 1, 8, 8).round()
    history = fit(model, x, epochs=1, batch_size=20, compile=True, progress=False)
    assert history.compiled


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--posterior", "PlanarPosterior"], "latents of PlanarPosterior are vectors"),
        (["--prior", "UniformSpherePrior"], "latent_features: expected a whole number"),
        (["--latent_features", "3"], "expected a single value"),
    ],
)
def test_what_takes_no_map_is_refused_before_training(options, told, capsys, tmp_path):
    command = ["train", *quick(latents="[2, 2, 2]"), *options]
    assert main([*command, "--out", str(tmp_path / "run")]) != 0
    assert told in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
