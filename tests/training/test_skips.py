"""Steps whose gradient is too large move nothing and are counted, compiled or not, resumed or not."""

from functools import partial

import pytest
import torch
from tiny import grey_data, same, state, tiny_vae

from pyrovae import fit
from pyrovae.training import Callback

LIMIT = 1e3
pytestmark = pytest.mark.filterwarnings("ignore:site 'x'. the data have a standard deviation")
gradient_descent = partial(torch.optim.SGD, lr=1e-2, momentum=0.9)


def data():
    """Of 12 data one is far out: the gradient of its batch is some 1e8, that of others below 100."""
    x = grey_data()
    x[5] = 1e4
    return x


def train(vae, x, **options):
    given = {"epochs": 3, "batch_size": 4, "compile": False, "optimizer": gradient_descent}
    return fit(vae, x, progress=False, **given | options)


class Watching(Callback):
    """Notes at each step whether the weights have moved."""

    def __init__(self, vae):
        self.vae, self.last, self.moved = vae, state(vae), []

    def on_step(self, training, loss):
        now = state(self.vae)
        self.moved.append(not same(now, self.last))
        self.last = now


def test_a_step_whose_gradient_is_too_large_moves_nothing():
    vae = tiny_vae(normal=True)
    watching = Watching(vae)
    history = train(vae, data(), skip_norm=LIMIT, callbacks=[watching])
    assert history.column("skipped") == [1, 1, 1]
    assert [watching.moved[i : i + 3].count(False) for i in (0, 3, 6)] == [1, 1, 1]
    # Its loss is that of the data all the same.
    assert all(loss > 1e6 for loss in history.column("loss"))


def test_it_is_the_norm_before_clipping_that_counts():
    vae = tiny_vae(normal=True)
    history = train(vae, data(), skip_norm=LIMIT, clip_norm=LIMIT / 10)
    assert history.column("skipped") == [1, 1, 1]


def test_an_epoch_in_which_nothing_was_trained_says_so():
    vae = tiny_vae(normal=True)
    with pytest.warns(UserWarning, match=r"epoch 1: all 3 steps were skipped.* norm of [\d.e+]+ "):
        history = train(vae, data(), skip_norm=1e-6, epochs=1)
    assert history.column("skipped") == [3]


def test_where_nothing_is_too_large_training_is_as_without():
    models = [tiny_vae(normal=True), tiny_vae(normal=True)]
    histories = [
        train(vae, grey_data(), skip_norm=norm)
        for vae, norm in zip(models, (LIMIT, None), strict=True)
    ]
    assert same(*map(state, models))
    assert histories[0].column("skipped") == [0, 0, 0]
    assert "skipped" not in histories[1][0]


@pytest.mark.parametrize("optimizer", [gradient_descent, torch.optim.Adagrad])
def test_the_compiled_step_leaves_out_the_same(optimizer, only_traced):
    """With an optimizer whose update is in the graph, and one that steps itself."""
    states, skipped = [], []
    for compile in (True, False):
        vae = tiny_vae(normal=True)
        history = train(
            vae, data(), skip_norm=LIMIT, compile=compile, optimizer=partial(optimizer, lr=1e-2)
        )
        assert not compile or history.compiled.startswith("compiled in")
        states.append(state(vae))
        skipped.append(history.column("skipped"))
    assert skipped == [[1, 1, 1], [1, 1, 1]]
    for name, value in states[0].items():
        torch.testing.assert_close(value, states[1][name], rtol=1e-4, atol=1e-5)


class StopAt(Callback):
    def __init__(self, step):
        self.at = step

    def on_step(self, training, loss):
        if training.step == self.at:
            training.stop("told to")


@pytest.mark.parametrize("at", [4, 5, 6])
def test_a_run_that_goes_on_within_an_epoch_counts_the_steps_before(at, tmp_path):
    options = {"skip_norm": LIMIT}
    whole = tiny_vae(normal=True)
    expected = train(whole, data(), **options)
    path = tmp_path / "checkpoint.pt"
    train(tiny_vae(normal=True), data(), checkpoint=path, callbacks=[StopAt(at)], **options)
    vae = tiny_vae(5, normal=True)
    history = train(vae, data(), checkpoint=path, resume=True, **options)
    assert history.column("skipped") == expected.column("skipped")
    assert same(state(vae), state(whole))
