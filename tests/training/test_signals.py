"""SIGINT, SIGTERM and SIGHUP end training after the step under way, with a checkpoint."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from functools import partial

import pytest
import torch
from processes import signals_obeyed, start_process
from tiny import binary_data, same, state, tiny_vae

from pyrovae import fit
from pyrovae.datasets import Data
from pyrovae.objectives import ELBO, MMDELBO
from pyrovae.training import Callback, Interrupted, WeightAverage

quiet = partial(fit, progress=False, device="cpu", batch_size=5, epochs=3, compile=False)
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def obeyed():
    with signals_obeyed():
        yield


class Send(Callback):
    """Sends signals to this process within a step of the run."""

    def __init__(self, step, *signals):
        self.step, self.signals = step, signals
        self.calls = 0

    def on_step(self, training, loss):
        self.calls += 1
        if training.step == self.step:
            for number in self.signals:
                os.kill(os.getpid(), number)


def data():
    return Data(binary_data(17), validation=binary_data(17, seed=1))


def numbers(history):
    return [{k: v for k, v in row.items() if k != "seconds"} for row in history]


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize(
    ("step", "where"),
    [(2, "step 2 of epoch 1"), (6, "step 2 of epoch 2"), (8, "step 4 of epoch 2")],
)
def test_a_signal_ends_training_and_it_goes_on(number, step, where, tmp_path):
    path = tmp_path / "run.pt"
    handlers = [signal.getsignal(n) for n in SIGNALS]
    whole = tiny_vae()
    history = quiet(whole, data())
    sender = Send(step, number)
    with pytest.raises(Interrupted, match=f"interrupted after {where}") as caught:
        quiet(tiny_vae(), data(), checkpoint=path, callbacks=[sender])
    assert caught.value.signal == number
    assert f"fit(..., checkpoint={str(path)!r}, resume=True)" in str(caught.value)
    assert isinstance(caught.value, KeyboardInterrupt)
    assert sender.calls == step
    assert [signal.getsignal(n) for n in SIGNALS] == handlers
    resumed = tiny_vae(seed=4)
    again = quiet(resumed, data(), checkpoint=path, resume=True)
    assert same(state(resumed), state(whole))
    assert numbers(again) == numbers(history)


class SendAtTheEnd(Callback):
    """Sends a signal once the last epoch is done."""

    def on_end(self, training):
        os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_after_the_last_epoch_is_not_lost(tmp_path):
    path = tmp_path / "run.pt"
    whole = tiny_vae()
    history = quiet(whole, data())
    with pytest.raises(Interrupted, match="interrupted after epoch 3"):
        quiet(tiny_vae(), data(), checkpoint=path, callbacks=[SendAtTheEnd()])
    resumed = tiny_vae(seed=4)
    assert numbers(quiet(resumed, data(), checkpoint=path, resume=True)) == numbers(history)
    assert same(state(resumed), state(whole))


class SendsOnce(MMDELBO):
    """Sends a signal while the validation data are looked at."""

    sent = False

    def loss(self, *args, **kwargs):
        if not SendsOnce.sent:
            SendsOnce.sent = True
            os.kill(os.getpid(), signal.SIGTERM)
        return super().loss(*args, **kwargs)


@pytest.mark.parametrize("averaged", [False, True])
def test_validation_does_not_keep_a_signal_waiting(averaged, tmp_path):
    path = tmp_path / "run.pt"

    def options():
        return {"average": WeightAverage(0.5) if averaged else None, "patience": 5}

    SendsOnce.sent = True
    whole = tiny_vae()
    history = quiet(whole, data(), objective=SendsOnce(), **options())
    SendsOnce.sent = False
    vae = tiny_vae()
    with pytest.raises(Interrupted, match="after step 4 of epoch 1"):
        quiet(vae, data(), objective=SendsOnce(), checkpoint=path, **options())
    assert vae.training
    resumed = tiny_vae(seed=4)
    again = quiet(
        resumed, data(), objective=SendsOnce(), checkpoint=path, resume=True, **options()
    )
    assert same(state(resumed), state(whole))
    assert numbers(again) == numbers(history)


def test_between_epochs(tmp_path):
    path = tmp_path / "run.pt"

    def send(row):
        if row["epoch"] == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted, match="interrupted after epoch 2"):
        quiet(tiny_vae(), data(), checkpoint=path, on_epoch=send)
    assert len(torch.load(path, weights_only=True)["training"]["history"]["rows"]) == 2


def test_a_second_signal_ends_it_at_once(tmp_path):
    path = tmp_path / "run.pt"
    with pytest.raises(KeyboardInterrupt) as caught:
        quiet(
            tiny_vae(),
            data(),
            checkpoint=path,
            callbacks=[Send(2, signal.SIGINT, signal.SIGINT)],
        )
    assert not isinstance(caught.value, Interrupted)
    # The one from before the first step.
    assert torch.load(path, weights_only=True)["training"]["position"]["taken"] == 0


def test_without_a_checkpoint_signals_are_as_always():
    with pytest.raises(KeyboardInterrupt) as caught:
        quiet(tiny_vae(), data(), callbacks=[Send(2, signal.SIGINT)])
    assert not isinstance(caught.value, Interrupted)


def test_an_ignored_signal_stays_ignored(tmp_path):
    former = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        history = quiet(
            tiny_vae(),
            data(),
            checkpoint=tmp_path / "run.pt",
            callbacks=[Send(2, signal.SIGTERM)],
        )
    finally:
        signal.signal(signal.SIGTERM, former)
    assert len(history) == 3


def test_in_another_thread_no_handler_is_set(tmp_path):
    rows = []

    def train():
        rows.extend(quiet(tiny_vae(), data(), checkpoint=tmp_path / "run.pt", objective=ELBO()))

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert len(rows) == 3


SCRIPT = """
    import sys
    from tiny import binary_data, tiny_vae
    from pyrovae import fit
    from pyrovae.training import Callback

    class Ready(Callback):
        def on_step(self, training, loss):
            if training.step == 3:
                print("ready", flush=True)

    fit(tiny_vae(), binary_data(400), batch_size=5, epochs=10**6, progress=False, device="cpu",
        compile=False, checkpoint=sys.argv[1], callbacks=[Ready()])
"""


def start(path):
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    return start_process(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )


# Above, each signal is sent to this process.
@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.proof),
        pytest.param(signal.SIGHUP, marks=pytest.mark.proof),
    ],
)
def test_a_process_that_is_told_to_end(number, tmp_path):
    path = tmp_path / "run.pt"
    process = start(path)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Interrupted: interrupted after " in err
    content = torch.load(path, weights_only=True)
    done = len(content["training"]["history"]["rows"])
    assert content["training"]["position"]["taken"] >= 3
    # It goes on in this process, where another one runs through.
    whole, resumed = tiny_vae(), tiny_vae(seed=9)
    quiet(whole, binary_data(400), epochs=done + 2)
    quiet(resumed, binary_data(400), epochs=done + 2, checkpoint=path, resume=True)
    assert same(state(resumed), state(whole))
