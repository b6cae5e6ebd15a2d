"""Wrong input is answered in one line, before any work is done, and leaves nothing behind."""

import sys

import numpy as np
import pytest
from command_line import run

from pyrovae.cli import main


@pytest.fixture(scope="module")
def wrong_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wrong")
    np.save(folder / "large.npy", np.full((20, 6), 3.0, dtype=np.float32))
    np.save(folder / "nan.npy", np.full((20, 6), np.nan, dtype=np.float32))
    gap = np.zeros((20, 6), dtype=np.float32)
    gap[7, 3] = np.nan
    np.save(folder / "gap.npy", gap)
    np.save(folder / "halves.npy", np.full((20, 6), 0.5, dtype=np.float32))
    (folder / "bare.csv").write_text("1.5,2\n3,4\n5,6\n")
    (folder / "semicolons.csv").write_text("a;b\n1,5;2\n3;4,5\n")
    np.save(folder / "empty.npy", np.zeros((0, 6), dtype=np.float32))
    np.save(folder / "one.npy", np.zeros((6,), dtype=np.float32))
    np.save(folder / "text.npy", np.array(["a", "b"]))
    (folder / "file").write_text("")
    return folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        # names
        ("fly", "there is no command 'fly'"),
        ("trian", "did you mean train?"),
        ("train --nope", "there is no option '--nope'"),
        ("train --priro VampPrior", "did you mean --prior"),
        ("train --latent 3", "did you mean --latent_features"),
        ("train -x", "there is no option '-x'"),
        ("train digits", "got 'digits'"),
        ("train --data.x 3", "there is no option '--data.x'"),
        ("train --prior Vamp", "did you mean VampPrior?"),
        ("train --prior no.such.Thing", "no.such.Thing"),
        ("train --prior json.JSONDecoder", "--prior: json.JSONDecoder: expected a subclass"),
        ("train --prior.nope 3", "no argument of NormalPrior 'nope'"),
        ("train --likelihood NormalLikelihood --begin_at_mean", "expected a BernoulliLikelihood"),
        ("train --objective Foo", "ImportanceWeightedELBO"),
        ("train --objective.beta 4", "no argument of ELBO 'beta'"),
        ("train --objective BetaELBO --objective.elbo Foo", "--objective.elbo: expected one of"),
        ("train --objective BetaELBO --objective.elbo 3", "--objective.elbo: expected the name"),
        ("train --encoder Conv", "ConvEncoder"),
        ("train --model Nope", "expected one of Autoencoder, CategoricalVAE"),
        ("train --optimizer Foo", "Adam"),
        ("train --optimizer SparseAdam", "sparse gradients alone"),
        ("train --optimizer LBFGS", "several times"),
        ("train --optimizer Muon", "Muon cannot be used"),
        ("train --beta x", "a number or one of CyclicalSchedule, ExponentialDecay, LinearWarmup"),
        ("train --beta.epochs 3", "--beta: expected the name of a class"),
        ("train --prior none", "omit the option for the default"),
        ("train --data nope", "digits"),
        ("train --binarization x", "dynamic"),
        # values
        ("train --epochs x", "--epochs: expected a whole number, got 'x'"),
        ("train --epochs 1.5", "--epochs: expected a whole number, got '1.5'"),
        ("train --epochs 0", "--epochs: expected at least 1, got 0"),
        ("train --epochs", "--epochs: expected a value, got none"),
        ("train --config", "--config: expected a value, got none"),
        ("train --epochs 1 --epochs 2", "--epochs: expected a single value, got '1 and 2'"),
        ("train --prior VampPrior --prior FlowPrior", "--prior: expected a single value"),
        ("train --batch_size 0", "--batch_size: expected at least 1"),
        ("train --samples 0", "--samples: expected at least 1"),
        ("train --num_workers -1", "--num_workers: expected at least 0, got -1"),
        ("train --latent_features 0", "--latent_features"),
        ("train --seed 4294967296", "--seed: expected at most 4294967295"),
        ("train --clip_norm inf", "--clip_norm: expected a finite number or none, got 'inf'"),
        ("train --optimizer.lr x", "--optimizer.lr: expected a number, got 'x'"),
        ("train --optimizer.lr 1e999", "--optimizer.lr: expected a finite number"),
        ("train --encoder.hidden [4,x]", "--encoder.hidden: expected a list such as [1, 2]"),
        ("train --encoder.hidden {", "--encoder.hidden: expected a list"),
        ("train --encoder.activation rel", "one of relu, leaky_relu"),
        ("train --prior.latent_features 3", "the data and the other parts determine it"),
        ("train --quiet maybe", "got 'maybe'"),
        ("train --quiet=maybe", "--quiet: expected true or false, got 'maybe'"),
        ("train --data=", "--data: expected text, got ''"),
        ("train --out null", "--out: expected a path"),
        ("train --out=", "--out: expected a path"),
        # what does not go together
        ("train --model ConditionalVAE --model.classes 10", "examples/conditional.py"),
        (
            "train --model CategoricalVAE --model.variables 2 --model.categories 5",
            "--latent_features 10, got 20",
        ),
        (
            "train --likelihood StructuralSimilarityLikelihood",
            "expected a value for likelihood: name a Likelihood with --likelihood.likelihood",
        ),
        ("train --model CategoricalVAE --model.variables 3", "categories"),
        ("train --model Autoencoder --prior VampPrior", "--prior: the model has none"),
        ("train --model=Autoencoder --posterior IAFPosterior", "--posterior: the model has none"),
        ("train --posterior VectorQuantizedPosterior", "has no meaning"),
        ("train --prior CategoricalCodePrior", "whose codebook"),
        ("train --prior VampPrior --prior.components 0", "components"),
        ("train --encoder ConvDecoder", "convolution"),
        ("train --likelihood NormalLikelihood --likelihood.scale -1", "scale"),
        ("train --objective.num_particles 0", "num_particles"),
        ("train --validation 0 --patience 3", "validation"),
        ("train --clip_norm -1", "clip_norm"),
        ("train --validation 2000", "2000"),
        ("train --device nope", "device"),
        ("train --device meta", "device: expected auto, cpu, cuda or mps, got 'meta'"),
        ("train --scheduler StepLR", "expected a value for step_size"),
        ("train --scheduler StepLR --scheduler.step_size 0", "scheduler: it fails within 100"),
        (
            "train --scheduler OneCycleLR --scheduler.max_lr 1 --scheduler.total_steps 9",
            "scheduler: it fails within 100 moves",
        ),
        # files
        ("train --config nope.yaml", "nope.yaml"),
        ("train --config .", "no such file"),
        ("train --data nope.npy", "nope.npy"),
        ("train --data mnist", "--download"),
        ("train --data large.npy", "BernoulliLikelihood allows values in [0, 1], but the data"),
        ("train --data large.npy", "range from 3 to 3, with 3 among them; divide them by 255"),
        ("train --data nan.npy", "nan.npy"),
        (
            "train --data gap.npy",
            "1 NaN and 0 infinite: 1 of 120 values (0.83 %), in column 3 alone",
        ),
        ("train --data halves.npy --likelihood PoissonLikelihood", "but the data contain 0.5"),
        ("train --data bare.csv", "names of the columns in the first row, got numbers (1.5, ...)"),
        ("train --data semicolons.csv", "separated by commas, got semicolons"),
        ("train --data empty.npy", "empty.npy"),
        ("train --data one.npy", "one.npy"),
        ("train --data text.npy", "text.npy"),
        ("train --out file", "is a file"),
        ("train --out file/run", "can be written"),
        ("train --out .", "not empty"),
        ("resume", "resume RUN: expected the run folder, got none"),
        ("resume nowhere", "nowhere"),
        ("evaluate nowhere", "expected a run folder"),
        ("sample nowhere", "expected a run folder"),
        ("sample nowhere --out x.gif", ".png, .npy or .npz"),
        ("sample nowhere --n 0", "--n: expected at least 1"),
        ("sample nowhere --n 10000000000 --out x.png", "--n: expected at most 2500 in a figure"),
        ("evaluate nowhere --samples 0", "--samples: expected at least 1"),
        ("evaluate nowhere --split nope", "--split: expected one of train, validation, test"),
        ("plot nowhere --only sampels", "did you mean samples?"),
        ("compare", "compare RUNS: expected run folders, got none"),
        ("compare nowhere", "nowhere"),
        ("list prioris", "did you mean priors"),
        ("completion tcsh", "one of bash, zsh, fish"),
        ("train --prior.help Nope", "Nope"),
        ("train --nope.help", "--nope.help"),
    ],
)
def test_wrong_input_is_answered_in_one_line(wrong_files, arguments, said, monkeypatch, capsys):
    monkeypatch.chdir(wrong_files)
    before = sorted(wrong_files.rglob("*"))
    assert main(arguments.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pyrovae: ")
    assert captured.err.count("\n") == 1
    assert said in captured.err
    assert sorted(wrong_files.rglob("*")) == before  # nothing is half-written


def test_more_samples_than_the_disk_has_room_for(trained, tmp_path, capsys):
    out = tmp_path / "samples.npy"
    assert main(["sample", str(trained), "--n", str(10**15), "--out", str(out)]) == 2
    assert "the disk has too little room" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_wrong_input_through_the_entry_point():
    done = run("train", "--prior", "Vamp")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


def test_a_refusal_within_the_program_is_one_line(in_tmp, capsys):
    discrete = ["--posterior", "CategoricalPosterior", "--prior", "CategoricalPrior"]
    arguments = [*discrete, "--objective", "DoublyReparameterizedELBO", "--out", "run"]
    assert main(["train", *arguments, "--epochs", "1", "--quiet"]) == 2
    said = capsys.readouterr().err
    assert "not reparameterised" in said
    assert "Trace Shapes" not in said
    assert said.count("\n") == 1


def test_a_fault_of_the_program_asks_to_be_reported(monkeypatch, capsys):
    def broken(*, width: int = 3) -> None:
        raise TypeError("unhashable type")

    monkeypatch.setattr(sys.modules["pyrovae.cli.main"], "command", lambda name: broken)
    monkeypatch.delenv("PYROVAE_DEBUG", raising=False)
    assert main(["train"]) == 70
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert "please report it" in said.splitlines()[-1]


def test_debugging_shows_where_it_went_wrong(monkeypatch):
    monkeypatch.setenv("PYROVAE_DEBUG", "1")
    with pytest.raises(FileNotFoundError, match="expected a run"):
        main(["sample", "nowhere"])
