"""What is claimed of training on a GPU; `make cuda` runs all such tests."""

from functools import partial

import pytest
import torch
from tiny import binary_data, grey_data, state, tiny_vae

from pyrovae import evaluate, fit
from pyrovae.compilation import Captured, capture_for
from pyrovae.datasets import TensorSplit
from pyrovae.objectives import ELBO, ImportanceWeightedELBO
from pyrovae.training import Callback, CompiledSVI
from pyrovae.training.several import STEPS, SeveralSteps

pytestmark = pytest.mark.cuda
Adam = partial(torch.optim.Adam, lr=1e-2, fused=True)


def not_captured(device):
    return None


def train(vae, data=None, **options):
    given = {"batch_size": 4, "progress": False, "device": "cuda", "compile": True}
    data = TensorSplit(grey_data(82), binarization="dynamic") if data is None else data
    return fit(vae, data, **{"epochs": 1, "optimizer": Adam, **given, **options})


def assert_alike(first, second):
    # Twenty steps of 1e-2 with kernels that may add up in another order.
    for name, tensor in state(first).items():
        torch.testing.assert_close(tensor, state(second)[name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
@pytest.mark.parametrize(
    "options",
    [{}, {"objective": ImportanceWeightedELBO(num_particles=5), "clip_norm": 1.0}],
    ids=["ELBO", "particles"],
)
def test_captured_is_uncaptured(monkeypatch, several, options):
    one, other = tiny_vae(hidden=(16,)), tiny_vae(hidden=(16,))
    if not several:
        monkeypatch.setattr("pyrovae.training.several.capture_for", not_captured)
    history = train(one, **options)
    assert history.compiled.endswith("10 steps at a time" if several else ", captured")
    monkeypatch.setattr("pyrovae.training.several.capture_for", not_captured)
    monkeypatch.setattr("pyrovae.training.compiled.capture_for", not_captured)
    plain = train(other, **options)
    assert "captured" not in plain.compiled
    assert history.column("loss") == pytest.approx(plain.column("loss"), rel=1e-4)
    assert_alike(one, other)


def test_captured_is_eager():
    losses = []
    for compile in (False, True):
        history = train(tiny_vae(), epochs=4, compile=compile)
        losses.append(history.column("loss"))
    assert "10 steps at a time" in history.compiled
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


@pytest.fixture
def no_waiting():
    """Makes waiting for the device an error while it is told to."""
    yield torch.cuda.set_sync_debug_mode
    torch.cuda.set_sync_debug_mode("default")


def test_a_loop_of_ones_own_waits_for_nothing(no_waiting):
    vae = tiny_vae().cuda()
    svi = CompiledSVI(vae.model, vae.guide, Adam, ELBO())
    batches = [binary_data(8, seed=i).cuda() for i in range(105)]
    for batch in batches[:5]:
        svi.step(batch)
    no_waiting("error")
    losses = [svi.step(batch) for batch in batches[5:]]
    no_waiting("default")
    assert svi.compiled
    assert torch.stack(losses).isfinite().all()


def test_fit_waits_for_nothing_in_a_hundred_steps(monkeypatch, no_waiting):
    taken, own = [], SeveralSteps.__call__

    def noted(self, rows):
        taken.append(len(rows))
        # The first step is taken alone; after 101 and after 201 training looks at the losses.
        if len(taken) == 11:
            no_waiting("error")
        found = own(self, rows)
        if len(taken) == 20:
            no_waiting("default")
        return found

    monkeypatch.setattr(SeveralSteps, "__call__", noted)
    train(tiny_vae(), TensorSplit(grey_data(1000), binarization="dynamic"))
    assert len(taken) > 20
    assert set(taken) == {STEPS}


def test_the_optimizer_is_inside():
    made = []

    def refused(closure=None):
        raise AssertionError("it steps itself")

    def optimizer(parameters):
        made.append(Adam(parameters))
        made[0].step = refused
        return made[0]

    train(tiny_vae(), binary_data(120), optimizer=optimizer)
    steps = {state["step"].item() for state in made[0].state.values()}
    assert steps == {30}
    assert all(state["step"].is_cuda for state in made[0].state.values())


def test_a_run_goes_on(tmp_path):
    class Stop(Callback):
        def on_epoch(self, training, row):
            training.stop("enough")

    whole, parted, path = tiny_vae(), tiny_vae(), tmp_path / "run.pt"
    train(whole, epochs=3)
    train(parted, epochs=3, checkpoint=path, callbacks=[Stop()])
    history = train(parted, epochs=3, checkpoint=path, resume=True)
    assert "10 steps at a time" in history.compiled
    assert_alike(whole, parted)


def test_a_schedule_of_learning_rates_is_followed():
    vaes = [tiny_vae(), tiny_vae()]
    halved = partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.5)
    train(vaes[0], epochs=3, scheduler=halved)
    train(vaes[1], epochs=3, scheduler=halved, compile=False)
    assert_alike(*vaes)


def test_captured_evaluation_is_the_eager_one():
    vae = tiny_vae().cuda()
    reports = [evaluate(vae, binary_data(20), samples=50, compile=c) for c in (False, True)]
    # The same draws.
    first, second = (report.log_likelihood.value for report in reports)
    assert second == pytest.approx(first, rel=1e-4)


class Held:
    """Stands for a compiled function that moves one tensor."""

    def __init__(self):
        self.device = torch.device("cuda", torch.cuda.current_device())
        self.tensor = torch.zeros(3, device=self.device)

    def held(self):
        return [self.tensor]

    moved = held

    def read(self):
        pass


def test_work_that_waits_is_not_captured_and_draws_go_on():
    held = Held()

    def work():
        held.tensor += torch.rand(3, device=held.device)
        return [held.tensor * held.tensor.sum().item()]

    captured = Captured(held, work, capture_for(held.device))
    torch.cuda.manual_seed(0)
    for _ in range(3):
        captured()
    assert captured.refused is not None
    torch.cuda.manual_seed(0)
    expected = sum(torch.rand(3, device=held.device) for _ in range(3))
    torch.testing.assert_close(held.tensor, expected)


def test_replays_go_on_in_the_generators_numbers():
    held = Held()

    def work():
        held.tensor += torch.rand(3, device=held.device)
        return [held.tensor.clone()]

    captured = Captured(held, work, capture_for(held.device))
    torch.cuda.manual_seed(0)
    for _ in range(4):
        captured()
    assert captured.refused is None
    after = torch.rand(3, device=held.device)
    torch.cuda.manual_seed(0)
    expected = sum(torch.rand(3, device=held.device) for _ in range(4))
    torch.testing.assert_close(held.tensor, expected)
    torch.testing.assert_close(after, torch.rand(3, device=held.device))
