"""A checkpoint within an epoch: going on from it gives what a run without interruption gives."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from tiny import binary_data, grey_data, same, state, tiny_vae
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

from pyrovae import fit
from pyrovae.datasets import Data, TensorSplit
from pyrovae.objectives import CapacityELBO
from pyrovae.training import Callback, LinearWarmup

quiet = partial(fit, progress=False, device="cpu", batch_size=5, epochs=3)


class Noisy(Dataset):
    """Draws at each look, as a transform that augments does."""

    def __init__(self, x):
        self.x = x

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return (self.x[i] + 0.1 * torch.rand(4)).clamp(0, 1)


def tensor():
    return binary_data(17)


def dynamic():
    return Data(
        TensorSplit(grey_data(17), binarization="dynamic"),
        validation=TensorSplit(grey_data(6, seed=1), binarization="dynamic"),
    )


def loader(num_workers=0):
    return DataLoader(Noisy(grey_data(17)), batch_size=5, shuffle=True, num_workers=num_workers)


def sampler(num_workers=0):
    chosen = WeightedRandomSampler(torch.rand(17).tolist(), 13)
    return DataLoader(Noisy(grey_data(17)), batch_size=5, sampler=chosen, num_workers=num_workers)


SOURCES = {
    "tensor": tensor,
    "dynamic binarization": dynamic,
    "data set with a transform": lambda: Noisy(grey_data(17)),
    "shuffling loader": loader,
    "loader with a sampler": sampler,
    "shuffling loader with workers": partial(loader, 2),
    "loader with a sampler and workers": partial(sampler, 2),
}
# Processes take time to start; a sampler and workers are each tried by themselves.
LONG = {"loader with a sampler and workers"}


class StopAt(Callback):
    """Stops after so many steps of the run."""

    def __init__(self, step):
        self.at = step

    def on_step(self, training, loss):
        if training.step == self.at:
            training.stop("told to")


def numbers(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


def parted(path, at, source, *, make=tiny_vae, **options):
    """A run that is stopped after so many steps, and another process's that goes on from there."""
    torch.manual_seed(7)
    first = quiet(make(), source(), checkpoint=path, callbacks=[StopAt(at)], **options)
    assert first.stopped == "told to"
    torch.manual_seed(7)
    vae = make(seed=5)  # its weights are those of the file
    history = quiet(vae, source(), checkpoint=path, resume=True, **options)
    return vae, history


def whole(source, *, make=tiny_vae, **options):
    torch.manual_seed(7)
    vae = make()
    return vae, quiet(vae, source(), **options)


@pytest.mark.parametrize(
    ("name", "at"),
    [
        *(
            pytest.param(name, 6, marks=[pytest.mark.proof] if name in LONG else [])
            for name in SOURCES
        ),
        ("tensor", 1),
        ("shuffling loader", 1),
    ],
)
def test_sources_go_on_in_the_middle(name, at, tmp_path):
    source = SOURCES[name]
    # Both epochs of a run in parts are begun once more at most.
    vae, history = whole(source, epochs=2)
    resumed, again = parted(tmp_path / "run.pt", at, source, epochs=2)
    assert same(state(resumed), state(vae))
    assert numbers(again) == numbers(history)
    assert again.stopped is None


@pytest.mark.parametrize("at", [4, 8, 12])
def test_between_the_last_step_and_the_row(at, tmp_path):
    # 17 data in batches of 5 are four steps, the last of two data.
    vae, history = whole(dynamic)
    resumed, again = parted(tmp_path / "run.pt", at, dynamic)
    assert same(state(resumed), state(vae))
    assert numbers(again) == numbers(history)


OPTIONS = {
    "momentum": {"optimizer": partial(torch.optim.SGD, lr=0.1, momentum=0.9)},
    "schedules": {"beta": LinearWarmup(2), "clip_norm": 0.5},
    "scheduler by the step": {
        "optimizer": partial(torch.optim.SGD, lr=0.1),
        "scheduler": partial(StepLR, step_size=2, gamma=0.5),
        "scheduler_moves": "step",
    },
    "drop_last": {"drop_last": True},
    "accumulate": {"accumulate": 2},
    "no seed": {"seed": None},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_options_go_on_in_the_middle(name, tmp_path):
    options = OPTIONS[name]
    vae, history = whole(dynamic, **options)
    resumed, again = parted(tmp_path / "run.pt", 5, dynamic, **options)
    assert same(state(resumed), state(vae))
    assert numbers(again) == numbers(history)


def test_dropout_batch_normalisation_and_an_objectives_schedule(tmp_path):
    make = partial(tiny_vae, dropout=0.5, batch_norm=True)

    def options():
        return {"objective": CapacityELBO(capacity=LinearWarmup(2, end=3.0), gamma=5.0)}

    vae, history = whole(dynamic, make=make, **options())
    resumed, again = parted(tmp_path / "run.pt", 6, dynamic, make=make, **options())
    assert same(state(resumed), state(vae))
    assert numbers(again) == numbers(history)


@pytest.mark.usefixtures("only_traced")
# The eighth step is the smaller last one, and before it is the seventh: the graph is nevertheless
# for batches of five.
@pytest.mark.parametrize("at", [3, 7, 8])
def test_compiled_steps_go_on_compiled(at, tmp_path):
    vae, history = whole(dynamic, compile=True)
    resumed, again = parted(tmp_path / "run.pt", at, dynamic, compile=True)
    assert again.compiled.startswith("compiled in")
    assert same(state(resumed), state(vae))
    assert numbers(again) == numbers(history)


def test_what_auto_decided_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(torch._inductor, "compile", lambda *a, **k: pytest.fail("compiled"))
    path = tmp_path / "run.pt"
    options = {"batch_size": 1, "checkpoint": path}
    quiet(tiny_vae(), tensor(), callbacks=[StopAt(12)], **options)
    monkeypatch.setattr("pyrovae.compilation.auto.WORTH_COMPILING", 0.0)
    history = quiet(tiny_vae(), tensor(), resume=True, **options)
    assert history.compiled.startswith("not compiled")


def test_a_checkpoint_is_written_before_the_first_step(tmp_path):
    path = tmp_path / "run.pt"

    class Look(Callback):
        def on_step(self, training, loss):
            if training.step == 1:
                content.update(torch.load(path, weights_only=True))

    content = {}
    vae = tiny_vae()
    before = state(vae)
    notes = {"lr": 1e-3, "objective": {"class_path": "x", "init_args": {"k": [1, None]}}}
    quiet(vae, tensor(), checkpoint=path, callbacks=[Look()], notes=notes)
    assert same(content["state_dict"], before)
    assert content["training"]["history"]["rows"] == []
    assert content["training"]["position"]["steps"] == 0
    assert content["notes"] == notes
    assert torch.load(path, weights_only=True)["notes"] == notes


def steps_written(path, **options):
    """The step of the run at which the file was written last, as seen after each step."""

    class Look(Callback):
        def on_step(self, training, loss):
            written = torch.load(path, weights_only=True)["training"]["position"]["taken"]
            seen.append(written)

    seen = []
    quiet(tiny_vae(), tensor(), checkpoint=path, callbacks=[Look()], epochs=2, **options)
    return seen


def test_written_after_so_many_steps(tmp_path):
    # Four steps an epoch; at step n one sees what was written by step n - 1.
    path = tmp_path / "run.pt"
    every_third = steps_written(path, checkpoint_minutes=None, checkpoint_steps=3)
    assert every_third == [0, 0, 0, 3, 4, 4, 4, 7]
    assert steps_written(path, checkpoint_minutes=None) == [0, 0, 0, 0, 4, 4, 4, 4]


def test_written_after_so_many_minutes(tmp_path, monkeypatch):
    now = [0.0]

    def clock():
        now[0] += 7.0
        return now[0]

    monkeypatch.setattr("pyrovae.training.checkpoints.time", SimpleNamespace(monotonic=clock))
    seen = steps_written(tmp_path / "run.pt", checkpoint_minutes=0.25)
    # A look takes 7 s: it is due at the third after one was written.
    assert seen == [0, 0, 0, 3, 4, 4, 4, 7]


def test_seconds_add_up(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("pyrovae.training.state.time.perf_counter", lambda: now[0])

    class Work(Callback):
        def on_step(self, training, loss):
            now[0] += 3.0

    path = tmp_path / "run.pt"
    options = {"checkpoint": path, "epochs": 1, "compile": False}
    quiet(tiny_vae(), tensor(), callbacks=[Work(), StopAt(3)], **options)
    now[0] = 1000.0
    history = quiet(tiny_vae(), tensor(), callbacks=[Work()], resume=True, **options)
    assert history.column("seconds") == [12.0]


def test_fewer_batches_than_the_checkpoint_had_are_refused(tmp_path):
    path = tmp_path / "run.pt"
    quiet(tiny_vae(), tensor(), checkpoint=path, callbacks=[StopAt(4)])
    with pytest.raises(ValueError, match="resume: the data have 2 batches, but .* after 4"):
        quiet(tiny_vae(), tensor(), batch_size=10, checkpoint=path, resume=True)
