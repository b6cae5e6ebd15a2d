"""Going on from a checkpoint gives, bit for bit, what a run without interruption gives."""

from functools import partial

import pyro.infer
import pytest
import torch
from tiny import binary_data, grey_data, same, state, tiny_vae
from torch import nn
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import CosineAnnealingLR, OneCycleLR
from torch.utils.data import DataLoader

from pyrovae import VAE, fit, load
from pyrovae.datasets import Data, TensorSplit
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn.network import Network
from pyrovae.priors import NormalPrior
from pyrovae.training import LinearWarmup

EPOCHS, INTERRUPTED = 5, 2
quiet = partial(fit, progress=False, device="cpu", batch_size=5)


def with_validation():
    return Data(binary_data(), validation=binary_data(6, seed=1))


def dynamic():
    splits = (TensorSplit(grey_data(12, seed=s), binarization="dynamic") for s in (0, 1))
    return Data(*splits)


class Halving(SGD):
    """An optimizer with an attribute of its own."""

    def __init__(self, params, lr=0.2):
        super().__init__(params, lr=lr, momentum=0.9)
        self.factor = 0.5

    def step(self, closure=None):
        for group in self.param_groups:
            group["lr"] *= self.factor
        return super().step(closure)


CASES = {
    "optimizer of one's own": ({}, binary_data, {"optimizer": Halving}),
    "optimizer of one's own and scheduler": (
        {},
        binary_data,
        {"optimizer": Halving, "scheduler": partial(CosineAnnealingLR, T_max=EPOCHS)},
    ),
    "momentum": ({}, binary_data, {"optimizer": partial(SGD, lr=0.1, momentum=0.9)}),
    "adam": ({}, binary_data, {"optimizer": partial(Adam, lr=0.01)}),
    "default optimizer": ({}, binary_data, {}),
    "no seed": ({}, binary_data, {"seed": None}),
    "scheduler": (
        {},
        binary_data,
        {
            "optimizer": partial(SGD, lr=0.1),
            "scheduler": partial(CosineAnnealingLR, T_max=EPOCHS),
        },
    ),
    "scheduler that moves momentum": (
        {},
        binary_data,
        {
            "optimizer": partial(SGD, lr=0.1, momentum=0.9),
            "scheduler": partial(OneCycleLR, max_lr=0.2, total_steps=EPOCHS + 1),
        },
    ),
    "warm-up": ({}, binary_data, {"beta": LinearWarmup(4), "clip_norm": 0.5}),
    "dropout and batch normalisation": (
        {"dropout": 0.5, "batch_norm": True},
        with_validation,
        {},
    ),
    "vamp prior": ({"vamp": True}, with_validation, {}),
    "dynamic binarization": ({}, dynamic, {}),
    "shuffling loader": (
        {},
        lambda: DataLoader(binary_data(), batch_size=5, shuffle=True),
        {"beta": LinearWarmup(4)},
    ),
    "callback that draws": ({}, binary_data, {"on_epoch": lambda row: torch.rand(3)}),
    "wake-sleep": (
        {},
        binary_data,
        {"objective": partial(pyro.infer.ReweightedWakeSleep, num_particles=2)},
    ),
    "estimator that looks for plates": (
        {},
        binary_data,
        {"objective": partial(pyro.infer.Trace_ELBO, num_particles=2, vectorize_particles=True)},
    ),
}


def numbers(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def run(case, **more):
    """One call of fit with everything made anew, as another process would."""
    network, data, options = CASES[case]
    options = options | more
    if "objective" in options:
        options["objective"] = options["objective"]()
    torch.manual_seed(7)
    vae = more.pop("model", None) or tiny_vae(**network)
    history = quiet(vae, data(), **{k: v for k, v in options.items() if k != "model"})
    return vae, history


@pytest.mark.parametrize("case", CASES)
def test_interrupted_by_having_asked_for_fewer_epochs(case, tmp_path):
    path = tmp_path / "run.pt"
    whole, history = run(case, epochs=EPOCHS)
    run(case, epochs=INTERRUPTED, checkpoint=path)
    resumed, again = run(case, epochs=EPOCHS, checkpoint=path, resume=True)
    assert same(state(resumed), state(whole))
    assert numbers(again) == numbers(history)
    assert len(again) == EPOCHS


@pytest.mark.parametrize("case", ["adam", "dropout and batch normalisation", "shuffling loader"])
def test_interrupted_by_the_keyboard(case, tmp_path):
    path = tmp_path / "run.pt"
    whole, history = run(case, epochs=EPOCHS)

    def stop(row):
        if row["epoch"] == INTERRUPTED + 1:
            raise KeyboardInterrupt

    torch.manual_seed(7)
    before = torch.get_rng_state()
    with pytest.raises(KeyboardInterrupt):
        run(case, epochs=EPOCHS, checkpoint=path, on_epoch=stop)
    assert torch.get_rng_state().equal(before)
    assert (
        len(torch.load(path, weights_only=True)["training"]["history"]["rows"]) == INTERRUPTED + 1
    )
    resumed, again = run(case, epochs=EPOCHS, checkpoint=path, resume=True)
    assert same(state(resumed), state(whole))
    assert numbers(again) == numbers(history)


def test_interrupted_in_the_middle_of_an_epoch(tmp_path):
    path = tmp_path / "run.pt"
    whole, history = run("adam", epochs=EPOCHS)
    vae = tiny_vae()
    guide = vae.guide
    steps = []

    def interrupted(x):
        steps.append(len(x))
        if len(steps) == 11:
            raise KeyboardInterrupt
        return guide(x)

    vae.guide = interrupted
    with pytest.raises(KeyboardInterrupt):
        run("adam", model=vae, epochs=EPOCHS, checkpoint=path)
    # Three calls look at data and programs, and three are an epoch: the eleventh is in epoch 3.
    assert len(torch.load(path, weights_only=True)["training"]["history"]["rows"]) == 2
    resumed, again = run("adam", epochs=EPOCHS, checkpoint=path, resume=True)
    assert same(state(resumed), state(whole))
    assert numbers(again) == numbers(history)


def test_more_epochs_than_were_first_asked_for(tmp_path):
    path = tmp_path / "run.pt"
    whole, history = run("adam", epochs=7)
    for epochs in (2, 3, 7):
        resumed, again = run("adam", epochs=epochs, checkpoint=path, resume=path.exists())
        assert len(again) == epochs
    assert same(state(resumed), state(whole))
    assert numbers(again) == numbers(history)


def test_a_run_that_is_already_there_is_given_back(tmp_path):
    path = tmp_path / "run.pt"
    first, history = run("adam", epochs=3, checkpoint=path)
    again, rows = run("adam", epochs=3, checkpoint=path, resume=True)
    assert same(state(again), state(first))
    assert list(rows) == list(history)


def opposed():
    return Data(torch.ones(10, 4), validation=torch.zeros(8, 4))


@pytest.mark.parametrize("interrupted", [1, 2, 3, 4])
def test_the_counters_of_early_stopping_go_on(interrupted, tmp_path):
    # The best is epoch 2, where the warm-up ends; from there on it gets worse, so 4 is the last.
    path = tmp_path / "run.pt"
    options = {
        "patience": 2,
        "beta": LinearWarmup(2),
        "optimizer": partial(SGD, lr=0.1),
        "checkpoint": path,
    }
    whole, first, resumed = tiny_vae(), tiny_vae(), tiny_vae(seed=3)
    history = quiet(whole, opposed(), epochs=9, **options)
    assert len(history) == 4
    quiet(first, opposed(), epochs=interrupted, **options)
    again = quiet(resumed, opposed(), epochs=9, resume=True, **options)
    assert numbers(again) == numbers(history)
    assert same(state(resumed), state(whole))
    assert again.best_epoch == history.best_epoch == 2
    assert again.stopped == history.stopped
    assert again.stopped is not None


def test_the_weights_come_from_the_file_and_not_from_the_model(tmp_path):
    path = tmp_path / "run.pt"
    whole, _ = run("adam", epochs=3)
    run("adam", epochs=2, checkpoint=path)
    resumed, _ = run("adam", model=tiny_vae(seed=9), epochs=3, checkpoint=path, resume=True)
    assert same(state(resumed), state(whole))


def test_what_is_no_module_resumes_too(tmp_path):
    class Plain:
        def __init__(self):
            self.vae = tiny_vae()
            self.model = self.vae.model
            self.guide = self.vae.guide

        def parameters(self):
            return self.vae.parameters()

    path = tmp_path / "run.pt"
    whole, first, resumed = Plain(), Plain(), Plain()
    quiet(whole, binary_data(), epochs=4)
    quiet(first, binary_data(), epochs=2, checkpoint=path)
    quiet(resumed, binary_data(), epochs=4, checkpoint=path, resume=True)
    assert same(state(resumed.vae), state(whole.vae))


def test_a_checkpoint_of_training_loads_as_a_model(tmp_path):
    path = tmp_path / "run.pt"
    vae, _ = run("vamp prior", epochs=1, checkpoint=path)
    loaded = load(path)
    assert same(state(loaded), state(vae))
    assert loaded.prior.posterior is loaded.posterior


def test_a_model_that_cannot_be_recorded_is_kept_all_the_same(tmp_path):
    class Wrapped(Network):
        def __init__(self, layer):
            super().__init__(2, 4)
            self.layer = layer

        def transform(self, z):
            return self.layer(z)

    def vae():
        likelihood = BernoulliLikelihood(Wrapped(nn.Linear(2, 4)))
        return VAE(NormalPrior(2), tiny_vae().posterior, likelihood)

    path = tmp_path / "run.pt"
    first = vae()
    with pytest.warns(UserWarning, match="will not record how its model is built"):
        quiet(first, binary_data(), epochs=2, checkpoint=path)
    assert same(state(load(path, model=vae())), state(first))
    with pytest.warns(UserWarning, match="will not record"):
        assert len(quiet(vae(), binary_data(), epochs=3, checkpoint=path, resume=True)) == 3


def test_an_interruption_while_writing_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run.pt"
    run("adam", epochs=2, checkpoint=path)
    old = path.read_bytes()
    write = torch.save

    def broken(content, target):
        write({"half": 1}, target)
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(OSError, match="no space"):
        run("adam", epochs=3, checkpoint=path, resume=True)
    monkeypatch.undo()
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["run.pt"]
    whole, _ = run("adam", epochs=4)
    resumed, _ = run("adam", epochs=4, checkpoint=path, resume=True)
    assert same(state(resumed), state(whole))
