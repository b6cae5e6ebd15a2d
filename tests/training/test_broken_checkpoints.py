"""What a file says of training is looked at: one sentence that names file and key."""

import copy
import warnings
from functools import partial

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_values import ODD, places
from tiny import binary_data, same, state, tiny_vae
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import StepLR

from pyrovae import checkpoint, fit
from pyrovae.datasets import Data
from pyrovae.training import Callback, Diverged, WeightAverage


def run(path, *, model=None, seed=0, **options):
    arguments = {
        "epochs": 3,
        "batch_size": 5,
        "optimizer": partial(Adam, lr=0.01),
        "scheduler": partial(StepLR, step_size=1, gamma=0.5),
        "patience": 9,
        "average": WeightAverage(0.9),
        "compile": False,
        "progress": False,
        "device": "cpu",
    }
    data = Data(binary_data(12), validation=binary_data(4, seed=1))
    vae = tiny_vae(seed) if model is None else model
    return fit(vae, data, checkpoint=path, **arguments | options)


class Stop(Callback):
    def on_step(self, training, loss):
        if training.step == 5:
            training.stop("told to")


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "run.pt"
    with torch.random.fork_rng():
        run(path, callbacks=[Stop()])
    return checkpoint.read(path)


def put(*keys, value):
    def change(content):
        for key in keys[:-1]:
            content = content[key]
        content[keys[-1]] = value

    return change


def drop(*keys):
    def change(content):
        for key in keys[:-1]:
            content = content[key]
        del content[keys[-1]]

    return change


def spoil(*keys):
    def change(content):
        for key in keys:
            content = content[key]
        content.fill_(float("nan"))

    return change


T = "training"
W = "posterior.network.layers.0.weight"
BROKEN = {
    **{f"no {k}": (drop(T, k), k) for k in ("optimizer", "history", "position", "random", "best")},
    **{f"no {k}": (drop(T, k), k) for k in ("given", "compile")},
    "another weight's shape": (put("state_dict", W, value=torch.zeros(2)), "state_dict"),
    "a weight more": (put("state_dict", "more", value=torch.zeros(2)), "state_dict"),
    "a weight less": (drop("state_dict", W), "state_dict"),
    "NaN weights": (spoil("state_dict", W), f"state_dict.*the weights '{W}' contain NaN"),
    "NaN in the best": (spoil(T, "best", W), "best.*NaN"),
    "best of another model": (put(T, "best", value={"w": torch.zeros(2)}), "best"),
    "best is text": (put(T, "best", value="w"), "best"),
    "average of another": (put(T, "average", "weights", W, value=torch.zeros(1)), "average"),
    "average without weights": (drop(T, "average", "weights"), "average.*weights"),
    "NaN in the average": (spoil(T, "average", "weights", W), "average.*NaN"),
    "optimizer is a list": (put(T, "optimizer", value=[1]), "optimizer"),
    "no groups": (drop(T, "optimizer", "param_groups"), "optimizer.*param_groups"),
    "fewer parameters": (
        lambda c: c[T]["optimizer"]["param_groups"][0]["params"].pop(),
        "optimizer",
    ),
    "optimizer state of another shape": (
        put(T, "optimizer", "state", 0, "exp_avg", value=torch.zeros(7)),
        r"optimizer.*exp_avg: expected torch.float32 of shape .*, got torch.float32 of shape \(7,\)",
    ),
    "no tensor in the optimizer": (
        put(T, "optimizer", "state", 1, "exp_avg", value={"a": 1}),
        r"optimizer: state\.1\.exp_avg: expected a tensor, got",
    ),
    "too little in the optimizer": (
        drop(T, "optimizer", "state", 1, "exp_avg"),
        r"optimizer: state\.1: it lacks 'exp_avg'",
    ),
    "a switch in the optimizer": (
        put(T, "optimizer", "param_groups", 0, "amsgrad", value=True),
        r"optimizer: state\.0: it lacks 'max_exp_avg_sq'",
    ),
    "NaN in the optimizer": (spoil(T, "optimizer", "state", 0, "exp_avg_sq"), "optimizer.*NaN"),
    "of another optimizer": (
        lambda c: c[T]["optimizer"]["param_groups"][0].pop("betas"),
        "optimizer.*another optimizer",
    ),
    "learning rate is text": (
        lambda c: c[T]["optimizer"]["param_groups"][0].update(lr="fast"),
        "optimizer.*lr",
    ),
    "random state of another size": (
        put(T, "random", "cpu", value=torch.zeros(7, dtype=torch.uint8)),
        "random.*expected 5056 bytes",
    ),
    "random state in floats": (put(T, "random", "cpu", value=torch.zeros(5056)), "random.*bytes"),
    "no random state of the CPU": (drop(T, "random", "cpu"), "random"),
    "random is a number": (put(T, "random", value=3), "random"),
    "where the epoch began": (put(T, "position", "random", value={}), "position.*generators"),
    "rows are text": (put(T, "history", "rows", value="abc"), "history.*rows"),
    "a row is a number": (put(T, "history", "rows", 0, value=3), "history.*epoch 1"),
    "a cell is text": (put(T, "history", "rows", 0, "loss", value="=1+1"), "history.*loss"),
    "another epoch": (put(T, "history", "rows", 0, "epoch", value=7), "history.*epoch 1"),
    "no loss": (drop(T, "history", "rows", 0, "loss"), "history.*no loss"),
    "stopped is a number": (put(T, "history", "stopped", value=1), "history.*stopped"),
    "no rows": (drop(T, "history", "rows"), "history.*'rows'"),
    "a row missing": (put(T, "history", "rows", value=[]), "position.*one after the last row"),
    "steps below zero": (put(T, "position", "steps", value=-1), "position.*steps"),
    "steps are text": (put(T, "position", "steps", value="2"), "position.*steps"),
    "total of two": (put(T, "position", "total", value=torch.zeros(2)), "position.*total"),
    "seconds below zero": (put(T, "position", "seconds", value=-1.0), "position.*seconds"),
    "no seen": (drop(T, "position", "seen"), "position.*seen"),
    "best value is text": (put(T, "stopping", "best", value="high"), "stopping.*best"),
    "waited is None": (put(T, "stopping", "waited", value=None), "stopping.*waited"),
    "mode": (put(T, "compile", "mode", value="perhaps"), "compile.*mode"),
    "size": (put(T, "compile", "size", value=0), "compile.*size"),
    "given is a number": (put(T, "given", value=3), "given"),
    "fewer given": (put(T, "given", value=[]), "given"),
    "scheduler is a number": (put(T, "scheduler", value=3), "scheduler"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_part_that_does_not_fit_is_named(name, content, tmp_path):
    change, key = BROKEN[name]
    broken = copy.deepcopy(content)
    change(broken)
    path = tmp_path / "broken.pt"
    checkpoint.write(path, broken)
    vae = tiny_vae(seed=6)
    before, random = state(vae), torch.get_rng_state()
    with pytest.raises(ValueError, match=rf"(?s)broken\.pt: .*{key}") as caught:
        run(path, model=vae, resume=True)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    # Nothing was taken from it, and the file is as it was.
    assert same(state(vae), before)
    assert torch.get_rng_state().equal(random)
    assert checkpoint.read(path).keys() == content.keys()


@settings(deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_whatever_stands_in_a_place_is_taken_or_refused_in_one_sentence(content, tmp_path, data):
    some = [place for place in places(content[T]) if place[0] != "optimizer" or len(place) < 3]
    place = data.draw(st.sampled_from(sorted(some, key=str)))
    value = data.draw(st.sampled_from(ODD))
    broken = copy.deepcopy(content)
    put(T, *place, value=value)(broken)
    path = tmp_path / "odd.pt"
    checkpoint.write(path, broken)
    said = outcome(path)
    assert said is None or ("odd.pt" in said or "resume: " in said)
    assert "\n" not in (said or "")


def outcome(path):
    """What a run says that is to go on from a file, or None if it goes on."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "resume: ", UserWarning)
        try:
            run(path, resume=True)
        except Diverged:  # a scheduler that multiplies by 10**12, say
            return None
        except ValueError as error:
            return str(error)
    return None


def test_an_optimizer_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "run.pt"
    run(path, epochs=1)
    with pytest.raises(ValueError, match="run.pt: optimizer: "):
        run(path, optimizer=partial(SGD, lr=0.1, momentum=0.9), resume=True)


def test_a_path_that_is_a_folder_is_refused_before_training(tmp_path):
    vae = tiny_vae()
    before = state(vae)
    with pytest.raises(ValueError, match=r"checkpoint: .* is a folder; .*checkpoint.pt"):
        run(tmp_path, model=vae)
    with pytest.raises(ValueError, match="checkpoint: expected the path of a file, got 3"):
        run(3, model=vae)
    assert same(state(vae), before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"checkpoint_minutes": 0}, "checkpoint_minutes: expected a positive number, got 0"),
        ({"checkpoint_steps": 0}, "checkpoint_steps: expected at least 1, got 0"),
        ({"notes": {"model": torch.zeros(2)}}, r"notes\.model: expected numbers, strings"),
        ({"notes": {3: "x"}}, "notes: expected strings as keys"),
        ({"notes": "lr = 3"}, "notes: expected a dict"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        run(tmp_path / "run.pt", **options)
