"""Wrong commands, beside those of tests/cli: a line each, before any work is done."""

from pathlib import Path

import numpy as np
import pytest
from wrong_commands import MORE, NEWER, write_files

from pyrovae.cli import main

#: By command, what is typed after it. ``run`` is a run; the files are those of `place`.
WRONG = {
    "train": """
        --average 1
        --optimizer Adam --optimizer.betas [1,2,3]
        --optimizer SGD --optimizer.nesterov true
        --objective Trace_ELBO --objective.num_particles 0
        --data x.npy --image_size 8
        --data digits --image_size 8
        --data file
        --data empty
        --data x.npy --validation 50
        --data x.npy --validation 0.7 --test 0.7
        --data x.npy --validation -1
        --data x.npy --validation nan
        --data x.npy --pooled --test 3
        --data x.npy --encoder ConvEncoder
        --data mnist --test 3
        --data /nowhere/x.npz
        --data x.npy --binarization sometimes
        --data_seed -1
        --data_seed x
        --latent_features 1e3
        --latent_features -3
        --latent_features 99999999999999999999
        --batch_size 12.5
        --epochs -5
        --epochs 1e3
        --epochs=
        --epochs none
        --epochs=1 --epochs=2
        --patience 0
        --patience none --epochs 0
        --clip_norm 0
        --clip_norm nan
        --clip_norm x
        --accumulate 0
        --average 1.5
        --average -1
        --average x
        --seed -2
        --seed 1.5
        --checkpoint_minutes 0
        --checkpoint_minutes -1
        --checkpoint_minutes x
        --checkpoint_steps 0
        --scheduler_moves month
        --scheduler ReduceLROnPlateau --scheduler_moves step
        --scheduler LambdaLR
        --scheduler CosineAnnealingLR
        --scheduler CosineAnnealingLR --scheduler.T_max 0
        --scheduler StepLR --scheduler.step_size x
        --scheduler StepLR --scheduler.step_size 1.5
        --scheduler Step
        --scheduler MultiStepLR --scheduler.milestones 3
        --scheduler.gamma 3
        --precision fp16
        --compile maybe
        --device cuda:99
        --device tpu
        --device
        --objective elbo
        --objective pyro.infer.SVI
        --objective TraceGraph
        --objective BetaELBO --objective.beta -1
        --objective BetaELBO --objective.beta x
        --objective ImportanceWeightedELBO --objective.num_particles 1.5
        --beta -1
        --beta nan
        --beta LinearWarmup --beta.epochs -3
        --beta LinearWarmup --beta.epochs x
        --optimizer Adam --optimizer.lr -1
        --optimizer Adam --optimizer.betas 3
        --optimizer Adam --optimizer.params 3
        --optimizer SGD --optimizer.momentum -1
        --optimizer.nope 1
        --optimizer Adam --optimizer.eps -1
        --optimizer pyro.optim.Adam
        --optimizer torch.optim.Nope
        --optimizer os.system
        --prior os.system
        --prior pyrovae.priors
        --prior pyrovae.nn.MLP
        --prior VampPrior --prior.components -1
        --prior VampPrior --prior.components 1e9
        --prior VampPrior --prior.components 99999
        --prior VampPrior --prior.pseudo_inputs 3
        --prior MixturePrior --prior.components 0
        --prior FlowPrior --prior.nope 3
        --posterior FlowPosterior --prior VampPrior
        --posterior Normal
        --likelihood Bernouli
        --likelihood CategoricalLikelihood --likelihood.levels 0
        --likelihood NormalLikelihood --likelihood.scale x
        --encoder MLP --encoder.hidden 3.5
        --encoder MLP --encoder.hidden [0]
        --encoder MLP --encoder.hidden [-1]
        --encoder MLP --encoder.hidden hello
        --encoder MLP --encoder.hidden [99999999999]
        --decoder ConvEncoder
        --decoder Nope
        --model VAE --model.nope 3
        --model HierarchicalVAE --model.levels 0
        --config bad.yaml
        --config odd.yaml
        --config list.yaml
        --config type.yaml
        --config nested.yaml
        --config bin.yaml
        --config alias.yaml
        --config file
        --config x.npy
        --config empty
        --allow
        --allow nope_package --prior nope_package.P
        --out empty --overwrite x
        --out file --overwrite
        --out run
        --out run/checkpoint.pt
        --out /proc/run
        --out none
        --overwrite=perhaps
        --print_config=x
        --quiet=
        --samples 1.5
        --samples -1
        --num_workers x
        --download=maybe
        --root=
        -- digits
        run
        epochs=3
        --epochs:3
    """,
    "resume": """
        run --epochs 1
        run
        run --epochs 0
        run --optimizer Adam
        run --optimizer.lr x --epochs 5
        run --optimizer.lr -1 --epochs 5
        run --optimizer.betas 3 --epochs 5
        run --optimizer.amsgrad maybe --epochs 5
        run --data nope.npy --epochs 5
        run --data x.npy --epochs 5
        run --device nope --epochs 5
        run --device meta --epochs 5
        run --prior VampPrior
        run extra
        file
        empty
        run/checkpoint.pt
        /
    """,
    "evaluate": """
        run --split all
        run --samples x
        run --seed -1
        run --data y.npy
        run --data nope.npy
        run --averaged
        run --device meta
        run extra
        empty
    """,
    "score": """
        run --out scores.txt
        run --split nope
        run --data y.npy
        run --samples 0
        run --out empty
    """,
    "anneal": """
        run --out annealed.txt
        run --first 0
        run --chains x
        run --temperatures -1
    """,
    "encode": """
        run --out codes.txt
        run --out empty
        run --data nope.npy
        run --data y.npy
    """,
    "sample": """
        run --n x
        run --n -1
        run --n 3 --out x.jpg
        run --n 3 --out empty
        run --n 3 --out file/x.npy
        run --n 3 --out /proc/x.npy
        run --averaged
        run --seed -1
    """,
    "reconstruct": """
        run --n 0
        run --n 10000000 --out x.png
        run --data y.npy --out z.npy
        run --split nope
    """,
    "plot": """
        run --only nope
        run --only manifold
        run --averaged
        empty
    """,
    "compare": """
        file
        empty
        run --csv empty
        run --csv file/x.csv
    """,
    "list": """
        nope
        priors extra
        VampPior
    """,
    "completion": """
        bash zsh
        nope
    """,
}
COMMANDS = [
    f"{command} {rest.strip()}"
    for table in (WRONG, NEWER, MORE)
    for command, lines in table.items()
    for rest in lines.strip().splitlines()
]
OPTION_FILES = {
    "bad": "epochs: [1\n",
    "odd": "epoch: 3\n",
    "list": "- 1\n",
    "type": "epochs: many\n",
    "nested": "prior: {class_path: NormalPrior, init_args: 3}\n",
    "alias": "a: &a 1\nb: *a\n",
}


@pytest.fixture(scope="module")
def place(trained, tmp_path_factory):
    """A folder with a run, and files that are of no use."""
    folder = tmp_path_factory.mktemp("place")
    trained(folder / "run")
    generator = np.random.default_rng(0)
    for name, features in (("x", 6), ("y", 7)):
        np.save(folder / f"{name}.npy", generator.random((40, features), dtype=np.float32))
    for name, text in OPTION_FILES.items():
        (folder / f"{name}.yaml").write_text(text)
    (folder / "bin.yaml").write_bytes(b"\xff\xfe\x00")
    (folder / "file").write_text("x")
    (folder / "empty").mkdir()
    write_files(folder)
    return folder


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(c, marks=[] if i % 12 == 0 else pytest.mark.torture, id=c)
        for i, c in enumerate(COMMANDS)
    ],
)
def test_a_wrong_command_is_answered_in_a_line(command, place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    before = {path: path.stat().st_mtime_ns for path in Path(".").rglob("*") if path.is_file()}
    assert main(command.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("pyrovae: ")
    assert captured.err.count("\n") == 1
    assert 20 < len(captured.err) < 2500
    after = {path: path.stat().st_mtime_ns for path in Path(".").rglob("*") if path.is_file()}
    assert after == before
