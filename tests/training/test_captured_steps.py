"""Captured steps are the uncaptured ones, on a device that knows operations and addresses alone."""

import warnings
from functools import partial

import pytest
import torch
from recorded import record
from tiny import binary_data, grey_data, same, state, tiny_vae
from torch import nn

from pyrovae import fit
from pyrovae.compilation import AutoCompiled
from pyrovae.datasets import TensorSplit
from pyrovae.nn import Network
from pyrovae.objectives import ELBO
from pyrovae.schedules import LinearWarmup
from pyrovae.training import Callback, CompiledSVI, WeightAverage
from pyrovae.training.annealing import Annealing
from pyrovae.training.callbacks import Callbacks
from pyrovae.training.device_update import DeviceUpdate
from pyrovae.training.several import SeveralSteps, several_steps
from pyrovae.training.state import TrainingState

pytestmark = pytest.mark.usefixtures("only_traced", "on_device")
STEP = "pyrovae.training.compiled.capture_for"
SEVERAL = "pyrovae.training.several.capture_for"


@pytest.fixture
def on_device(monkeypatch):
    """Updates need nothing of the host, as where steps are captured."""
    monkeypatch.setattr("pyrovae.training.compiled.Update", DeviceUpdate)


@pytest.fixture
def capture(monkeypatch):
    """Chooses how single steps and several are captured."""

    def choose(one, several=None):
        monkeypatch.setattr(STEP, lambda device: one)
        monkeypatch.setattr(SEVERAL, lambda device: several)

    return choose


def train(vae, data=None, **options):
    given = {"batch_size": 2, "progress": False, "device": "cpu", "compile": True}
    data = binary_data(53) if data is None else data
    return fit(vae, data, **{"epochs": 2, **given, **options})


def test_captured_is_uncaptured(capture):
    vaes = [tiny_vae(batch_norm=True) for _ in range(3)]
    grey = TensorSplit(grey_data(53), binarization="dynamic")
    ways = [(None, None), (record, None), (record, record)]
    histories = []
    for vae, (one, several) in zip(vaes, ways, strict=True):
        capture(one, several)
        histories.append(train(vae, grey, clip_norm=1.0, skip_norm=1e6))
    said = [history.compiled for history in histories]
    assert "captured" not in said[0]
    assert said[1].endswith(", captured")
    assert said[2].endswith(", captured, 10 steps at a time")
    # The same operations on the same numbers; each loss is counted once, in sums of another order.
    for vae, history in zip(vaes[1:], histories[1:], strict=True):
        assert same(state(vaes[0]), state(vae))
        losses = pytest.approx(histories[0].column("loss"), rel=1e-5)
        assert history.column("loss") == losses
        assert history.column("skipped") == [0, 0]


def test_steps_are_single_while_a_schedule_moves(capture):
    taken = []

    def noted(work):
        taken.append(work)
        return record(work)

    capture(noted, record)
    rows = []
    history = train(tiny_vae(), beta=LinearWarmup(1), on_epoch=lambda row: rows.append(len(taken)))
    assert rows == [1, 2]
    assert history.compiled.endswith("10 steps at a time")


class AtSteps(Callback):
    def on_step(self, training, loss):
        pass


@pytest.fixture
def training():
    vae = tiny_vae()
    optimizer = torch.optim.Adam(vae.parameters())
    step = AutoCompiled(lambda batch: torch.zeros(()), None, mode=False, data=0, what="training")
    return TrainingState(vae, optimizer, torch.device("cpu"), step=step)


def test_several_steps_leave_nothing_out(capture, training):
    split = TensorSplit(binary_data(53))
    still = Annealing(1.0, ELBO(), training.device)

    def several(callbacks=(), checkpoint_steps=None):
        return several_steps(training, split, still, Callbacks(callbacks), checkpoint_steps)

    assert several() is None  # nothing is captured on the CPU
    capture(record, record)
    assert several() is not None
    assert several(callbacks=[AtSteps()]) is None
    assert several(checkpoint_steps=7) is None
    training.average = WeightAverage()
    assert several() is None
    training.average = None
    training.scheduler = torch.optim.lr_scheduler.ExponentialLR(training.optimizer, 0.9)
    assert several() is not None
    training.scheduler_moves = "step"
    assert several() is None


def test_without_a_compiled_step_each_turn_is_one_step(training):
    split = TensorSplit(binary_data(53))
    several = SeveralSteps(
        training.take_step, split, Annealing(1.0, ELBO(), training.device), dtype=None
    )
    order = [*split.order(2, True, training.device)]
    turns = [*several.turns(order, epoch=1)]
    assert [turn.data for turn in turns] == [2] * 26 + [1]
    assert {turn.steps for turn in turns} == {1}
    for turn, rows in zip(turns, order, strict=True):
        assert torch.equal(turn.batch[0], binary_data(53)[rows])


def test_a_run_goes_on_within_an_epoch(capture, tmp_path):
    capture(record, record)
    whole, parted = tiny_vae(), tiny_vae()
    train(whole, binary_data(60), epochs=2)
    path = tmp_path / "run.pt"

    class Stop(Callback):
        def on_step(self, training, loss):
            if training.step == 17:
                training.stop("enough")

    train(parted, binary_data(60), epochs=2, checkpoint=path, callbacks=[Stop()])
    history = train(parted, binary_data(60), epochs=2, checkpoint=path, resume=True)
    assert len(history) == 2
    assert history.compiled.endswith("10 steps at a time")
    assert same(state(whole), state(parted))


def test_the_data_stay_where_the_graph_reads_them(capture, training):
    capture(record, record)
    split = TensorSplit(binary_data(53))
    still = Annealing(1.0, ELBO(), training.device)
    several = several_steps(training, split, still, Callbacks([]), None)
    split._keep(*(tensor + 1 for tensor in split.tensors))  # as on another device
    (batch, *_), *_ = several.turns([torch.arange(3)], epoch=1)
    assert torch.equal(batch[0], binary_data(53)[:3])


class Widening(Callback):
    """Changes a number that the graph has kept, where ten steps are about to be taken."""

    def on_epoch(self, training, row):
        training.model.likelihood.network.slope = 1.0 + row["epoch"]


class Sloped(Network):
    slope = 1.0

    def __init__(self):
        super().__init__(2, 4)
        self.layer = nn.Linear(2, 4)
        self.slope = 1.0

    def transform(self, z):
        return self.slope * self.layer(z)


def test_a_number_that_changes_between_several_steps_makes_a_new_graph(capture):
    states = []
    for compile in (False, True):
        capture(record, record)
        vae = tiny_vae()
        vae.likelihood = type(vae.likelihood)(Sloped())
        with torch.no_grad():
            for parameter in vae.likelihood.parameters():
                parameter.fill_(0.1)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            train(vae, binary_data(40), callbacks=[Widening()], compile=compile)
        assert any("compiled again" in str(w.message) for w in caught) is compile
        states.append(state(vae))
    for name, tensor in states[0].items():
        # Adam divides gradients by their size, roundings of theirs included.
        torch.testing.assert_close(states[1][name], tensor, rtol=1e-3, atol=1e-4)


def wrong(work):
    """Replays once less than it is asked to."""
    replay, results = record(work)
    calls = iter([lambda: None])
    return lambda: next(calls, replay)(), results


def other_draws(work):
    """Replays with other random numbers."""
    replay, results = record(work)

    def replay_later():
        torch.rand(7)
        replay()

    return replay_later, results


def failing(work):
    raise RuntimeError("operation not permitted\nand more")


def test_a_capture_that_does_otherwise_is_refused(capture):
    vaes = [tiny_vae() for _ in range(4)]
    capture(None)
    train(vaes[0])
    reasons = {wrong: "a replay", other_draws: "a replay", failing: "operation not permitted"}
    for vae, (broken, reason) in zip(vaes[1:], reasons.items(), strict=True):
        capture(broken, broken)
        history = train(vae)
        assert f"not captured: {reason}" in history.compiled
        assert f"one step at a time: {reason}" in history.compiled
        # It goes on from what the uncaptured step has left.
        assert same(state(vaes[0]), state(vae))


def test_an_optimizer_without_a_rule_steps_itself(capture):
    vaes = [tiny_vae(), tiny_vae()]
    for vae, one in zip(vaes, (None, record), strict=True):
        capture(one, one)
        history = train(vae, optimizer=partial(torch.optim.RMSprop, lr=1e-3))
    assert history.compiled.endswith(", captured")
    assert same(state(vaes[0]), state(vaes[1]))


def test_a_state_that_was_loaded_is_captured_anew(capture):
    vaes = [tiny_vae(), tiny_vae()]
    losses = []
    for vae, one in zip(vaes, (None, record), strict=True):
        capture(one)
        torch.manual_seed(0)
        svi = CompiledSVI(vae.model, vae.guide, partial(torch.optim.Adam, lr=0.1), ELBO())
        for i in range(6):
            if i == 3:
                svi.optim.load_state_dict(svi.optim.state_dict())
            losses.append(svi.step(binary_data(8, seed=i)))
    assert torch.equal(torch.stack(losses[:6]), torch.stack(losses[6:]))
    assert same(state(vaes[0]), state(vaes[1]))
