"""Wrong calls in Python: a sentence each, before any work is done and with nothing written."""

import numpy as np
import pyro
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO
from tiny import binary_data, same, state, tiny_vae

from pyrovae import VAE, evaluate, fit, load, load_data, save, score
from pyrovae.datasets import Data, TensorSplit, as_split
from pyrovae.evaluation import encode, log_likelihood
from pyrovae.likelihoods import BernoulliLikelihood, NormalLikelihood
from pyrovae.nn import MLP, ConvEncoder
from pyrovae.objectives import ELBO, BetaELBO, ImportanceWeightedELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import MixturePrior, NormalPrior, VampPrior
from pyrovae.training import CompiledSVI, LinearWarmup, WeightAverage

x = binary_data()
q, p, z = MLP(4, [3], 4), MLP(2, [3], 4), NormalPrior(2)
parts = {"prior": z, "posterior": NormalPosterior(q), "likelihood": BernoulliLikelihood(p)}


def train(**arguments):
    return lambda: fit(tiny_vae(), x, **{"epochs": 1, "progress": False} | arguments)


def trained_on(data):
    return lambda: fit(tiny_vae(), data, epochs=1, progress=False)


TRAINING = {
    "objective": [
        train(objective=v)
        for v in (
            "elbo",
            ELBO,
            3,
            Trace_ELBO,
            [ELBO()],
            torch.nn.Linear(1, 1),
            lambda m, g: 0,
            Trace_ELBO(num_particles=0),
        )
    ],
    "optimizer": [
        train(optimizer=v)
        for v in (
            pyro.optim.Adam({"lr": 1e-3}),
            "adam",
            "Adam",
            1e-3,
            torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))]),
            {"lr": 1e-3},
            SVI,
        )
    ],
    "scheduler": [train(scheduler=v) for v in ("cosine", 3, {"step_size": 3}, LinearWarmup(3))],
    "epochs": [train(epochs=v) for v in (0, -1, 1.5, "3", True, None)],
    "batch_size": [train(batch_size=v) for v in (0, 2.0, "all", None)],
    "beta": [train(beta=v) for v in ("warmup", -1, float("inf"), LinearWarmup, [1.0], None)],
    "compile": [train(compile=v) for v in ("yes", 1, None)],
    "precision": [train(precision=v) for v in ("fp16", torch.bfloat16, None)],
    "patience": [train(patience=v) for v in (1, 0, "3")],
    "clip_norm": [train(clip_norm=v) for v in (0, -1.0, "1", float("nan"))],
    "accumulate": [train(accumulate=v) for v in (0, 1.5)],
    "average": [train(average=v) for v in (0.99, True, "ema")],
    "device": [train(device=v) for v in ("gpu", "cuda:99", -3, [], "meta")],
    "seed": [train(seed=v) for v in ("x", 1.5, -(2**70))],
    "on_epoch": [train(on_epoch=v) for v in (3, "print", [print])],
    "callbacks": [train(callbacks=v) for v in (print, [print], [3])],
    "checkpoint": [train(checkpoint=v) for v in (".", 3, True, b"x", ["a"])],
    "resume": [train(resume=True)],
    "notes": [train(notes=v) for v in ("x", {"x": x}, {3: 4})],
    "checkpoint_": [
        *(train(checkpoint_steps=v) for v in (0, "x", 1.5)),
        *(train(checkpoint_minutes=v) for v in (-1, "x", float("nan"))),
    ],
    "": [
        *(trained_on(v) for v in (x + 7, x[0], x[:0], "mnist", None, 3, [], {})),
        *(trained_on(v) for v in (x * float("nan"), x[:, :3], iter([x]), range(4), [[0]])),
        trained_on(x.numpy().astype("complex64")),
        trained_on(np.array(["a", "b"])),
        lambda: fit(x, tiny_vae(), progress=False),
        lambda: fit(VAE, x, progress=False),
        lambda: fit(None, x, progress=False),
        lambda: fit(torch.nn.Linear(4, 4), x, progress=False),
    ],
}
PARTS = [
    lambda: VAE(**parts | {"prior": parts["posterior"], "posterior": z}),
    lambda: VAE(**parts | {"likelihood": parts["posterior"]}),
    lambda: VAE(**parts | {"posterior": q}),
    lambda: VAE(**parts | {"likelihood": p}),
    lambda: VAE(**parts | {"prior": NormalPrior}),
    lambda: VAE(**parts | {"prior": NormalPrior(3)}),
    lambda: VAE(**parts | {"prior": "NormalPrior"}),
    lambda: NormalPrior(0),
    lambda: NormalPrior("2"),
    lambda: NormalPrior(-2),
    lambda: NormalPosterior(3),
    lambda: NormalPosterior(MLP(4, [3], 5)),
    lambda: MLP(4, 3, 4),
    lambda: MLP(0, [], 4),
    lambda: MLP(4, [0], 4),
    lambda: MLP(4, [3], 4, activation="rleu"),
    lambda: ConvEncoder(4, 4, channels=[8]),
    lambda: NormalLikelihood(p, scale=-1.0),
    lambda: BernoulliLikelihood(None),
    lambda: MixturePrior(2, components=0),
    lambda: VampPrior(parts["posterior"], pseudo_inputs=x[0], components=3),
    lambda: VampPrior(parts["posterior"], pseudo_inputs=x, components=0),
    lambda: VampPrior(z, pseudo_inputs=x, components=3),
    lambda: ImportanceWeightedELBO(num_particles=0),
    lambda: ImportanceWeightedELBO(num_particles="5"),
    lambda: BetaELBO(beta=-1),
    lambda: BetaELBO(beta="4"),
    lambda: LinearWarmup(0),
    lambda: LinearWarmup(3, start=float("nan")),
    *(lambda decay=decay: WeightAverage(decay) for decay in (2, -1, "x", None)),
    lambda: CompiledSVI(tiny_vae().model, tiny_vae().guide, "adam", ELBO()),
]
QUERIES = [
    lambda: evaluate("run.pt", x),
    lambda: evaluate(tiny_vae(), "test"),
    lambda: evaluate(tiny_vae(), x, samples=0),
    lambda: evaluate(tiny_vae(), x[:, :3]),
    lambda: evaluate(tiny_vae(), x[:0]),
    lambda: evaluate(tiny_vae(), x + 3),
    lambda: evaluate(tiny_vae(), Data(x)),
    lambda: log_likelihood(tiny_vae(), x, samples="many"),
    lambda: log_likelihood(None, x),
    lambda: encode(tiny_vae(), None),
    lambda: encode("run", x),
    *(
        lambda ask=ask, seed=seed: ask(tiny_vae(), x, seed=seed)
        for ask in (evaluate, score, log_likelihood, encode)
        for seed in ("x", 1.5, None, True, 2**70)
    ),
    *(
        lambda device=device: log_likelihood(tiny_vae(), x, device=device)
        for device in ("nope", "meta", [])
    ),
    lambda: tiny_vae().decode(None),
    lambda: tiny_vae().decode("z"),
    lambda: tiny_vae().encode(x[:, :2]),
    lambda: tiny_vae().encode("x"),
    lambda: tiny_vae().sample(0),
    lambda: tiny_vae().sample("3"),
    lambda: tiny_vae().sample(-1),
    lambda: tiny_vae().decode(torch.zeros(3, 5)),
    lambda: tiny_vae().reconstruct(x[:, :1]),
]
FILES = [
    lambda: save({"a": 1}, "model.pt"),
    lambda: save(tiny_vae().state_dict(), "model.pt"),
    lambda: save(torch.nn.Linear(1, 1), "model.pt"),
    lambda: save("model.pt", tiny_vae()),
    lambda: save(tiny_vae(), "."),
    lambda: save(tiny_vae(), 3),
    lambda: save(tiny_vae(), ""),
    lambda: load("."),
    lambda: load("nowhere.pt"),
    lambda: load(3),
    lambda: load(None),
    lambda: load(""),
    lambda: load_data("nope"),
    lambda: load_data(3),
    lambda: load_data("digits", binarization="yes"),
    lambda: load_data("digits", validation=1.5),
    lambda: load_data("digits", validation=-3),
    lambda: load_data("digits", test="x"),
    lambda: load_data("digits", data_seed="x"),
    lambda: as_split(3),
    lambda: TensorSplit(),
    lambda: TensorSplit("x"),
    lambda: TensorSplit(x, labels=torch.zeros(3, dtype=torch.int64)),
    lambda: Data(None),
    lambda: Data(x, test=x[:, :2]),
]
CALLS = [
    *(
        (f"fit, {name or 'data'} {i}", name, c)
        for name, cs in TRAINING.items()
        for i, c in enumerate(cs)
    ),
    *((f"parts {i}", "", call) for i, call in enumerate(PARTS)),
    *((f"queries {i}", "", call) for i, call in enumerate(QUERIES)),
    *((f"files {i}", "", call) for i, call in enumerate(FILES)),
]


@pytest.mark.parametrize(("name", "call"), [c[1:] for c in CALLS], ids=[c[0] for c in CALLS])
def test_a_wrong_call_is_answered_in_a_sentence(name, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        call()
    said = str(caught.value)
    assert said.startswith(name)
    assert 10 < len(said) < 1000
    assert "expected" in said or "no such" in said or len(said.split()) > 5
    assert list(tmp_path.iterdir()) == []
    assert dict(pyro.get_param_store().items()) == {}


def test_the_model_stays_as_it_was():
    vae = tiny_vae()
    before = state(vae)
    for call in (lambda: fit(vae, x, objective="elbo"), lambda: fit(vae, x + 7)):
        with pytest.raises(ValueError, match=r"objective|BernoulliLikelihood"):
            call()
    assert same(state(vae), before)
