"""What `export` refuses, names and writes, in both formats and from the command line."""

import hashlib
import json
import sys

import pytest
import torch
from command_line import quick
from tiny import FEATURES, binary_data, tiny_vae

from pyrovae import export, load
from pyrovae.checkpoint import save_folder
from pyrovae.cli import main
from pyrovae.cli.runs import Run
from pyrovae.exporting.noise import Noise


def test_files_run_without_the_library(tmp_path):
    model = tiny_vae(vamp=True)
    made = export(model, tmp_path / "model.pt2")
    assert {name: file.name for name, file in made.files.items()} == {
        "encoder": "model.encoder.pt2",
        "decoder": "model.decoder.pt2",
        "sampler": "model.sampler.pt2",
    }
    assert made.inputs["encoder"] == ("x",)
    assert made.outputs["encoder"] == ("z_mean", "z_std")
    names = {"names.json": ""}
    encoder = torch.export.load(made.files["encoder"], extra_files=names).module()
    assert json.loads(names["names.json"])["outputs"] == ["z_mean", "z_std"]
    x = binary_data(9)
    q = model.posterior(x)
    mean, std = encoder(x)
    torch.testing.assert_close(mean, q.mean)
    torch.testing.assert_close(std, q.stddev)


def test_a_sampler_draws_from_the_prior(tmp_path):
    """Means and shares of many draws, within five standard errors."""
    noise = torch.randn(1, 200_000)
    with Noise(noise):
        normal = torch.distributions.Normal(2.0, 3.0).sample((50_000,))
        category = torch.distributions.Categorical(torch.tensor([0.2, 0.8])).sample((50_000,))
    assert abs(normal.mean() - 2) < 5 * 3 / 50_000**0.5
    assert abs(normal.std() - 3) < 5 * 3 / 100_000**0.5
    assert abs(category.float().mean() - 0.8) < 5 * 0.4 / 50_000**0.5


@pytest.mark.parametrize("training", [True, False])
def test_the_model_stays_as_it_is(training, tmp_path):
    model = tiny_vae(dropout=0.5).train(training)
    before, state = torch.get_rng_state(), {k: v.clone() for k, v in model.state_dict().items()}
    export(model, tmp_path / "model.pt2", only=["encoder"])
    assert model.training is training
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())


def test_onnx(tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = tiny_vae()
    made = export(model, tmp_path / "model.onnx", only=["encoder", "decoder"])
    session = onnxruntime.InferenceSession(made.files["encoder"])
    assert [value.name for value in session.get_outputs()] == ["z_mean", "z_std"]
    x = binary_data(11)
    mean, _ = session.run(None, {"x": x.numpy()})
    torch.testing.assert_close(torch.from_numpy(mean), model.encode(x), atol=1e-5, rtol=1e-5)


def test_a_file_that_differs_is_not_written(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["pyrovae.exporting.export"], "TOLERANCE", -1.0)
    with pytest.raises(ValueError, match=r"encoder: its 'z_mean' differs from the model's by"):
        export(tiny_vae(), tmp_path / "model.pt2")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "model.pth"}, r"\.pt2 or \.onnx"),
        ({"path": "model"}, r"\.pt2 or \.onnx"),
        ({"only": ["guide"]}, "only: expected some of encoder, decoder, sampler"),
        ({"example": ()}, "example: expected a tensor"),
        ({"example": (torch.rand(2, FEATURES),) * 3}, "example: expected what the guide takes"),
    ],
)
def test_wrong_arguments(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=message):
        export(tiny_vae(), **{"path": "model.pt2", **arguments})


@pytest.mark.parametrize("only", [None, ["decoder"]])
def test_each_file_is_looked_at_before_the_work(only, tmp_path, monkeypatch):
    def trace(*_):
        raise AssertionError("it was traced")

    monkeypatch.setattr(sys.modules["pyrovae.exporting.export"], "traced", trace)
    (tmp_path / "model.decoder.pt2").mkdir()
    with pytest.raises(IsADirectoryError, match=r"model\.decoder\.pt2"):
        export(tiny_vae(), tmp_path / "model.pt2", only=only)


def test_programs_beside_a_folder_need_a_name(tmp_path, capsys):
    command = ["export", str(tmp_path), "--hub-folder", str(tmp_path / "hub")]
    assert main([*command, "--only", "decoder"]) == 2
    assert "--out: expected a file name for the programs that --only" in capsys.readouterr().err


def test_a_folder_is_read_back(tmp_path):
    pytest.importorskip("safetensors")
    model = tiny_vae(vamp=True)  # whose prior shares the posterior
    files = save_folder(model, tmp_path / "hub", card="# A card\n")
    assert {file.name for file in files} == {"README.md", "config.json", "model.safetensors"}
    read = load(tmp_path / "hub")
    x = binary_data()
    assert torch.equal(read.encode(x), model.eval().encode(x))
    assert read.prior.posterior is read.posterior


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", b""),
        ("config.json", b"[" * 10_000),
        ("config.json", b'{"format": "pyrovae folder 1", "components": 3}'),
        ("model.safetensors", b""),
        ("model.safetensors", b"\xff" * 64),
        ("model.safetensors", b"\x80\x04cos\nsystem\n(S'true'\ntR."),
    ],
)
def test_a_folder_of_somebody_else_is_data(file, content, tmp_path):
    pytest.importorskip("safetensors")
    save_folder(tiny_vae(), tmp_path, card="")
    (tmp_path / file).write_bytes(content)
    sign(tmp_path)
    with pytest.raises(ValueError, match="expected") as caught:
        load(tmp_path)
    assert "SHA-256" not in str(caught.value)


@pytest.mark.parametrize("components", [[], [{"class_path": "os.system", "init_args": {}}]])
def test_a_folder_names_no_other_classes(components, tmp_path):
    pytest.importorskip("safetensors")
    save_folder(tiny_vae(), tmp_path, card="")
    sign(tmp_path, components=components)
    with pytest.raises(ValueError, match=r"at least one part|not allowed"):
        load(tmp_path)


def sign(folder, **changed):
    """Gives a description the digests that it would have, had somebody meant it so."""
    file = folder / "config.json"
    try:
        config = json.loads(file.read_text()) | changed
    except (ValueError, RecursionError):
        return
    config.pop("sha256", None)
    weights = (folder / "model.safetensors").read_bytes()
    config["weights_sha256"] = hashlib.sha256(weights).hexdigest()
    text = json.dumps(config, sort_keys=True)
    file.write_text(json.dumps(config | {"sha256": hashlib.sha256(text.encode()).hexdigest()}))


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    pytest.importorskip("safetensors")
    model = tiny_vae()
    save_folder(model, tmp_path, card="")
    config = tmp_path / "config.json"
    whole = json.loads(config.read_text())
    config.write_text(json.dumps(whole))  # laid out anew, it says the same
    load(tmp_path)
    config.write_text(json.dumps(whole | {"components": whole["components"][:1]}))
    with pytest.raises(ValueError, match=r"config\.json: it was changed after it was written"):
        load(tmp_path)
    with torch.no_grad():
        next(model.parameters()).add_(1)
    save_folder(model, tmp_path, card="")  # over its own folder
    config.write_text(json.dumps(whole))
    with pytest.raises(ValueError, match=r"the weights that belong to config\.json"):
        load(tmp_path)


def test_weights_of_other_kinds_are_refused(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    model = tiny_vae(batch_norm=True)
    save_folder(model, tmp_path, card="")
    weights = tmp_path / "model.safetensors"
    whole = safetensors.load_file(weights)
    first = next(name for name, _ in model.named_parameters())
    counter = next(name for name, value in whole.items() if value.dtype == torch.int64)
    for name, dtype, said in (
        (first, torch.int64, "expected one of float16, bfloat16, float32, float64, got int64"),
        (first, torch.float8_e4m3fn, "float64, got float8_e4m3fn"),
        (counter, torch.float32, "expected int64, got float32"),
        (first, torch.float64, "expected all parameters in the same precision, got float64 for"),
    ):
        safetensors.save_file(whole | {name: whole[name].to(dtype)}, weights)
        sign(tmp_path)
        with pytest.raises(ValueError, match=said):
            load(tmp_path)
    mixed = tiny_vae()
    next(mixed.parameters()).data = next(mixed.parameters()).data.double()
    with pytest.raises(
        ValueError, match="save_folder: expected all parameters in the same precision"
    ):
        save_folder(mixed, tmp_path / "mixed", card="")


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_folder_keeps_its_precision(dtype, tmp_path):
    pytest.importorskip("safetensors")
    save_folder(tiny_vae().to(dtype), tmp_path, card="")
    assert {value.dtype for value in load(tmp_path).parameters()} == {dtype}


@pytest.mark.parametrize("name", ["README.md", "config.json", "model.safetensors"])
def test_a_file_of_the_users_own_is_not_replaced(name, tmp_path, capsys):
    """Said first, and so without looking at the run, of which there is none here."""
    (tmp_path / name).write_text("{}")
    assert main(["export", str(tmp_path), "--hub-folder", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"or one without {name}, which would be overwritten, got {tmp_path}" in said
    assert said.count("\n") == 1
    with pytest.raises(ValueError, match="folder: expected one that pyrovae wrote"):
        save_folder(tiny_vae(), tmp_path, card="")
    assert (tmp_path / name).read_text() == "{}"
    assert main(["export", str(tmp_path), "--hub-folder", str(tmp_path / name)]) == 2
    assert "expected a folder, but" in capsys.readouterr().err


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected config\.json and model\.safetensors"):
        load(tmp_path)


def test_from_the_command_line(tmp_path, capsys):
    pytest.importorskip("safetensors")
    run, hub = str(tmp_path / "run"), tmp_path / "hub"
    assert main(["train", *quick(epochs=1), "--out", run]) == 0
    assert main(["export", run, "--hub-folder", str(hub)]) == 0
    card = (hub / "README.md").read_text()
    for part in ("library_name: pyrovae", "NormalPosterior", "ELBO", "## Limits", "load("):
        assert part in card
    model = Run(run).model("cpu")
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in load(hub).state_dict().items())
    capsys.readouterr()
    assert main(["export", run, "--only", "decoder"]) == 0
    assert capsys.readouterr().out == f"{run}/model.decoder.pt2: z -> x\n"
    assert main(["export", run, "--out", "x.bin"]) == 2
    assert "--out: expected a file name that ends in .pt2 or .onnx" in capsys.readouterr().err
