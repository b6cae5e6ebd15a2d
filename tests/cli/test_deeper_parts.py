"""Pixels one after another and deep hierarchies, from ``pyrovae train`` to what opens the run."""

import json
import warnings

import numpy as np
import pytest
from command_line import names_in, quick, same_weights, save_a_dot

from pyrovae.build import build, sees_counts
from pyrovae.cli import main
from pyrovae.cli.main import _each_once
from pyrovae.cli.runs import Run
from pyrovae.cli.settings import choose_binarization
from pyrovae.explorer import Explorer
from pyrovae.hierarchy import DeepHierarchicalVAE, DenseHierarchicalVAE
from pyrovae.likelihoods import BernoulliLikelihood, PixelCNNLikelihood

NO_MEAN = "ignore:.*Autoregressive has no mean in closed form, so a draw is given"
PIXELS = [
    *["--likelihood", "PixelCNNLikelihood", "--likelihood.pixel", "BernoulliLikelihood"],
    *[
        "--likelihood.features",
        "4",
        "--likelihood.layers",
        "1",
        "--likelihood.context_features",
        "2",
    ],
]
DEEP = [
    *["--model", "DeepHierarchicalVAE", "--model.channels", "[2, 3]", "--model.layers", "[1, 2]"],
    *["--latent_features", "2", "--decoder", "ResidualDecoder", "--decoder.channels", "[2]"],
    *["--epochs", "1", "--samples", "2", "--quiet"],
]


@pytest.fixture(scope="module", autouse=True)
def _only_dots():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pyrovae.cli.figures.save_figure", save_a_dot)
        yield


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Options of a few small images, of bits."""
    file = tmp_path_factory.mktemp("images") / "images.npy"
    np.save(file, np.random.default_rng(0).integers(0, 2, (40, 1, 6, 6)).astype("float32"))
    return ["--data", str(file)]


@pytest.fixture(scope="module")
def pixels(tmp_path_factory, images):
    folder = tmp_path_factory.mktemp("pixels") / "run"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", NO_MEAN.removeprefix("ignore:"))
        command = ["train", *images, *quick(epochs=1, samples=2), *PIXELS]
        assert main([*command, "--out", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def deep(tmp_path_factory, images):
    folder = tmp_path_factory.mktemp("deep") / "run"
    assert main(["train", *images, *DEEP, "--out", str(folder)]) == 0
    return folder


def test_pixels_are_trained_and_their_run_has_all_of_it(pixels):
    model = Run(pixels).model()
    assert isinstance(model.likelihood, PixelCNNLikelihood)
    assert isinstance(model.likelihood.pixel, BernoulliLikelihood)
    assert model.likelihood.pixel.data_shape == (1,)
    assert {"samples.png", "traversal.png"} < names_in(pixels / "figures")
    report = json.loads((pixels / "report.json").read_text())
    assert np.isfinite(report["elbo"])
    assert "--likelihood.pixel BernoulliLikelihood" in (pixels / "report.html").read_text()


@pytest.mark.filterwarnings(NO_MEAN)
def test_a_run_of_pixels_is_opened_by_every_command(pixels, tmp_path):
    out = tmp_path / "x.npy"
    assert main(["sample", str(pixels), "--n", "3", "--out", str(out)]) == 0
    assert set(np.unique(np.load(out))) <= {0, 1}
    assert main(["reconstruct", str(pixels), "--out", str(out)]) == 0
    assert main(["evaluate", str(pixels), "--samples", "2"]) == 0
    assert main(["encode", str(pixels), "--out", str(out)]) == 0
    opened = Run(pixels)
    assert Explorer(opened.model(), opened.data, opened.data.test).sample(1)


def test_that_figures_show_draws_is_said_once():
    """However many figures do."""
    written = _each_once()
    first, again, other = map(written, ("a draw is given", "a draw is given", "another"))
    assert "a draw is given" in first
    assert not again
    assert "another" in other


@pytest.mark.filterwarnings(NO_MEAN)
def test_pixels_go_on_to_the_same_weights(pixels, tmp_path):
    whole = tmp_path / "whole"
    again = ["train", "--config", str(pixels / "config.yaml"), "--epochs", "2", "--quiet"]
    assert main([*again, "--out", str(whole)]) == 0
    assert main(["resume", str(pixels), "--epochs", "2", "--quiet"]) == 0
    assert same_weights(whole / "checkpoint.pt", pixels / "checkpoint.pt")


def test_a_deep_hierarchy_is_trained_and_opened(deep, tmp_path):
    model = Run(deep).model()
    assert isinstance(model, DeepHierarchicalVAE)
    assert [tuple(block.latent_shape) for block in model.blocks] == [(2, 6, 6), *2 * [(2, 3, 3)]]
    report = json.loads((deep / "report.json").read_text())
    assert set(report["active_units"]) == {"z1", "z2", "z3"}
    codes = tmp_path / "codes.npz"
    assert main(["encode", str(deep), "--out", str(codes)]) == 0
    assert np.load(codes)["z3"].shape[1:] == (2, 3, 3)
    assert main(["sample", str(deep), "--out", str(tmp_path / "x.npy")]) == 0
    assert main(["reconstruct", str(deep), "--out", str(tmp_path / "x.npy")]) == 0
    assert main(["latents", str(deep)]) == 0
    assert main(["resume", str(deep), "--epochs", "2", "--quiet"]) == 0
    assert "--model DeepHierarchicalVAE" in (deep / "report.html").read_text()
    opened = Run(deep)
    explorer = Explorer(opened.model(), opened.data, opened.data.test)
    assert explorer.sample(1)
    assert len(explorer.encode(0)["knobs"]) == 3


def test_a_dense_hierarchy_is_trained_and_opened(tmp_path, images):
    folder = tmp_path / "run"
    dense = [
        "--model",
        "DenseHierarchicalVAE",
        "--model.path_features",
        "5",
        "--model.layers",
        "3",
    ]
    assert (
        main(
            [
                "train",
                *images,
                *dense,
                *quick(epochs=1, latents=2, samples=2),
                "--out",
                str(folder),
            ]
        )
        == 0
    )
    model = Run(folder).model()
    assert isinstance(model, DenseHierarchicalVAE)
    assert model.encoders[-1].out_shape == model.likelihood.latent_shape == (5,)
    assert [tuple(block.latent_shape) for block in model.blocks] == 3 * [(2,)]
    assert main(["encode", str(folder), "--out", str(tmp_path / "codes.npz")]) == 0


def test_an_autoregressive_prior_of_codes_is_trained_beside_the_model(tmp_path, images):
    codes = [
        *["--posterior", "QuantizedPosterior", "--posterior.codebook", "FiniteScalarCodebook"],
        *["--posterior.codebook.levels", "[3, 3]", "--prior", "TransformerCodePrior"],
        *["--prior.features", "4", "--prior.heads", "2", "--prior.layers", "1"],
    ]
    folder = tmp_path / "run"
    command = ["train", *images, *quick(epochs=1, latents=4, samples=1), *codes]
    assert main([*command, "--out", str(folder)]) == 0
    assert main(["sample", str(folder), "--out", str(tmp_path / "x.npy")]) == 0


@pytest.mark.parametrize(("pixel", "protocol"), [("Bernoulli", "dynamic"), ("Normal", "none")])
def test_images_are_binarized_for_pixels_of_bits(pixel, protocol):
    inner = {"class_path": f"{pixel}Likelihood", "init_args": {}}
    settings = {
        "data": "digits",
        "binarization": "auto",
        "likelihood": {"class_path": "PixelCNNLikelihood", "init_args": {"pixel": inner}},
    }
    choose_binarization(settings, allow=[])
    assert settings["binarization"] == protocol


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--prior", "TwoStagePrior"], "it is trained on draws of a trained model's latents"),
        (["--likelihood", "PerceptualLikelihood"], "a network of your own"),
        (["--likelihood", "PixelCNNLikelihood"], "expected a value for pixel"),
        ([*PIXELS[:2], "--likelihood.pixel", "PoissonLikelihood"], "of counts"),
        (
            [
                *[*PIXELS[:3], "ZeroInflatedLikelihood"],
                *["--likelihood.pixel.likelihood", "PoissonLikelihood"],
            ],
            "ZeroInflatedLikelihood, a likelihood of counts",
        ),
        ([*PIXELS[:3], "ZeroInflatedLikelihood"], "with --likelihood.pixel.likelihood"),
        (
            ["--posterior", "QuantizedPosterior", "--posterior.codebook", "ResidualCodebook"],
            "it is made from other codebooks, in Python",
        ),
        (
            [*PIXELS[:3], "PixelCNNLikelihood", "--likelihood.pixel.pixel", "BernoulliLikelihood"],
            "whose variables come one after another",
        ),
        ([*PIXELS[:2], "--likelihood.pixel", "ColumnsLikelihood"], "columns of a table"),
        ([*PIXELS[:2], "--likelihood.pixel", "MLP"], "expected one of"),
        ([*PIXELS[:3], "CategoricalLikelihood", "--likelihood.pixel.categories", "0"], "sizes"),
        (
            ["--model", "DeepHierarchicalVAE", "--model.layers", "[0, 0]"],
            "model: layers: expected a number for each",
        ),
        (
            ["--model", "DenseHierarchicalVAE", "--model.path_features", "0"],
            "model: path_features: expected",
        ),
        (
            ["--model", "DeepHierarchicalVAE", "--decoder", "ResidualDecoder"],
            "resolutions of channels",
        ),
        (["--model", "DeepHierarchicalVAE", "--prior", "VampPrior"], "the model has none"),
        (
            ["--model", "DeepHierarchicalVAE", "--latent_features", "[2, 4, 4]"],
            "latent_features: expected a whole number",
        ),
    ],
)
def test_what_cannot_be_made_by_name_says_why(options, told, tmp_path, capsys):
    assert main(["train", "--epochs", "1", *options, "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_likelihoods_around_likelihoods_are_made_by_name():
    counts = {
        "class_path": "ZeroInflatedLikelihood",
        "init_args": {
            "likelihood": {"class_path": "NegativeBinomialLikelihood", "init_args": {}},
            "gate": {"class_path": "MLP", "init_args": {"hidden": [3]}},
        },
    }
    similar = {
        "class_path": "StructuralSimilarityLikelihood",
        "init_args": {
            "window": 3,
            "likelihood": {"class_path": "NormalLikelihood", "init_args": {"scale": "predicted"}},
        },
    }
    for likelihood, shape, out in ((counts, (5,), (5,)), (similar, (1, 16, 16), (2, 16, 16))):
        model = build(
            shape,
            2,
            prior={"class_path": "NormalPrior"},
            posterior={"class_path": "NormalPosterior"},
            likelihood=likelihood,
            encoder={"class_path": "MLP", "init_args": {"hidden": [3]}},
            decoder={"class_path": "MLP", "init_args": {"hidden": [3]}},
        )
        assert model.likelihood.likelihood.network.out_shape == out
        assert model.sample(2).shape == (2, *shape)
    assert sees_counts(counts)
