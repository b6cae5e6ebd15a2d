"""Callbacks: what they are told, that they change nothing unasked, and that they may stop."""

import json
import subprocess
import sys
from functools import partial

import pyro
import pytest
import torch
from tiny import binary_data, same, state, tiny_vae

from pyrovae import fit
from pyrovae.datasets import Data
from pyrovae.training import Callback, Diverged, TensorBoard, TrainingState

quiet = partial(fit, progress=False, device="cpu", batch_size=5, epochs=3)


class Record(Callback):
    """Notes all it is told."""

    def __init__(self):
        self.steps, self.rows, self.ended = [], [], 0

    def on_step(self, training, loss):
        assert isinstance(training, TrainingState)
        self.steps.append((training.epoch, training.step, loss.clone()))

    def on_epoch(self, training, row):
        assert training.epoch == row["epoch"] == len(training.history)
        assert training.history[-1] is row
        self.rows.append(row)

    def on_end(self, training):
        self.ended += 1


class Stop(Callback):
    def __init__(self, *, step=None, epoch=None):
        self.step, self.epoch = step, epoch

    def on_step(self, training, loss):
        if training.step == self.step:
            training.stop(f"step {self.step}")

    def on_epoch(self, training, row):
        if row["epoch"] == self.epoch:
            training.stop(f"epoch {self.epoch}")


def test_they_are_told_of_each_step_and_epoch_and_of_the_end():
    record = Record()
    history = quiet(tiny_vae(), binary_data(12), callbacks=[record])
    # 12 data in batches of 5 are three steps.
    told = [(epoch, step) for epoch, step, _ in record.steps]
    assert told == [(e, 3 * (e - 1) + i) for e in (1, 2, 3) for i in (1, 2, 3)]
    assert record.rows == list(history)
    assert record.ended == 1
    # Means over 5, 5 and 2 data, whose mean over the data is the epoch's.
    losses = torch.stack([loss for _, _, loss in record.steps]).view(3, 3)
    sizes = torch.tensor([5.0, 5.0, 2.0])
    torch.testing.assert_close(
        (losses * sizes).sum(1) / 12, torch.tensor(history.column("loss")), rtol=1e-5, atol=0
    )


def test_what_they_draw_and_store_is_their_own():
    class Draws(Callback):
        def on_step(self, training, loss):
            torch.rand(3)
            pyro.param("mine", torch.zeros(2))

        def on_epoch(self, training, row):
            training.model.sample(2, draw=True)

    results = []
    for callbacks in ([], [Draws()]):
        vae = tiny_vae(dropout=0.3)
        quiet(vae, binary_data(12), callbacks=callbacks)
        results.append(state(vae))
    assert same(*results)
    assert len(pyro.get_param_store()) == 0


@pytest.mark.parametrize("stop", [Stop(step=5), Stop(epoch=2)], ids=["step", "epoch"])
def test_one_may_stop(stop, tmp_path):
    path, record = tmp_path / "run.pt", Record()
    vae = tiny_vae()
    history = quiet(vae, binary_data(12), callbacks=[stop, record], checkpoint=path)
    reason = f"step {stop.step}" if stop.step else f"epoch {stop.epoch}"
    assert history.stopped == reason
    assert len(history) == (1 if stop.step else 2)
    assert len(record.steps) == (5 if stop.step else 6)
    assert record.ended == 1
    content = torch.load(path, weights_only=True)
    assert content["training"]["history"]["stopped"] == reason
    assert same(content["state_dict"], state(vae))
    # Who asks it to go on means it.
    whole = tiny_vae()
    rows = quiet(whole, binary_data(12))
    resumed = tiny_vae(seed=3)
    again = quiet(resumed, binary_data(12), checkpoint=path, resume=True)
    assert again.stopped is None
    assert again.column("loss") == rows.column("loss")
    assert same(state(resumed), state(whole))


def test_one_that_stops_goes_back_to_the_best_weights_too():
    split = Data(torch.ones(8, 4), validation=torch.zeros(8, 4))  # validation only gets worse
    vae, states = tiny_vae(), []
    history = quiet(
        vae,
        split,
        epochs=9,
        patience=8,
        optimizer=partial(torch.optim.SGD, lr=0.1),
        callbacks=[Stop(epoch=3)],
        on_epoch=lambda row: states.append(state(vae)),
    )
    assert history.stopped == "epoch 3"
    assert history.best_epoch == 1
    assert same(state(vae), states[0])


def test_the_end_is_told_where_training_fails():
    record = Record()
    with pytest.raises(Diverged):
        quiet(
            tiny_vae(),
            binary_data(12),
            optimizer=partial(torch.optim.SGD, lr=float("inf")),
            callbacks=[record],
        )
    assert record.ended == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"callbacks": [print]}, "callbacks: .*pyrovae.training.Callback.*as on_epoch"),
        ({"callbacks": print}, "callbacks: .*Callback"),
        ({"callbacks": [Record]}, "callbacks: .*Callback"),
        ({"on_epoch": 3}, "on_epoch: expected a function that takes the row of an epoch, got 3"),
    ],
)
def test_what_is_no_callback_is_refused(options, message):
    vae = tiny_vae()
    before = state(vae)
    with pytest.raises(ValueError, match=message):
        quiet(vae, binary_data(12), **options)
    assert same(state(vae), before)


def test_one_callback_needs_no_list():
    record = Record()
    quiet(tiny_vae(), binary_data(12), callbacks=record)
    assert record.ended == 1


def curves(folder):
    """The curves in a folder, read by TensorBoard itself, in a process of its own."""
    code = (
        "import sys, json\n"
        "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator\n"
        "events = EventAccumulator(sys.argv[1]); events.Reload()\n"
        "print(json.dumps({tag: [(e.step, e.value) for e in events.Scalars(tag)]\n"
        "                  for tag in events.Tags()['scalars']}))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(folder)],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def test_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    split = Data(binary_data(12), validation=binary_data(6, seed=1))
    path, folder = tmp_path / "run.pt", tmp_path / "board"
    board = TensorBoard(folder, steps=2)
    quiet(tiny_vae(), split, callbacks=[board, Stop(step=5)], checkpoint=path)
    again = TensorBoard(folder, steps=2)
    history = quiet(tiny_vae(), split, callbacks=[again], checkpoint=path, resume=True)
    found = curves(folder)
    assert set(found) == (set(history[0]) - {"epoch"}) | {"step_loss"}
    for name in ("loss", "validation_loss", "validation_kl", "learning_rate"):
        assert [step for step, _ in found[name]] == [1, 2, 3]
        values = [value for _, value in found[name]]
        assert values == pytest.approx(history.column(name), rel=1e-6)
    assert [step for step, _ in found["step_loss"]] == [2, 4, 6, 8]


def test_tensorboard_that_is_not_installed(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match=r"pip install 'pyrovae\[tensorboard\]'"):
        TensorBoard(tmp_path)


def test_tensorboard_refuses_no_steps(tmp_path):
    with pytest.raises(ValueError, match="steps: expected at least 1, got 0"):
        TensorBoard(tmp_path, steps=0)
