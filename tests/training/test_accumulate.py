"""A batch in parts, and batches that are left out."""

from functools import partial

import pytest
import torch
from tiny import binary_data, same, state, tiny_vae
from torch.optim import SGD
from torch.utils.data import DataLoader

from pyrovae import fit
from pyrovae.objectives import (
    DIPELBO,
    MMDELBO,
    AnalyticKLELBO,
    BetaELBO,
    CapacityELBO,
    ImportanceWeightedELBO,
)
from pyrovae.scope import isolated
from pyrovae.training import Callback
from pyrovae.training.gradients import Gradients

quiet = partial(fit, progress=False, device="cpu", compile=False)


def mute(vae):
    """Lets the decoder ignore its latents, so that no draw matters where the KL is closed."""
    torch.nn.init.zeros_(vae.likelihood.network.layers[-1].weight)
    return vae


def gradients_of(parts, size, **options):
    vae = mute(tiny_vae())
    parameters = list(vae.parameters())
    gradients = Gradients(vae.model, vae.guide, AnalyticKLELBO(), parts=parts, **options)
    with isolated(torch.device("cpu")):
        loss = gradients(parameters, (binary_data(size),))
    return loss, torch.cat([p.grad.flatten() for p in parameters])


@pytest.mark.parametrize("size", [12, 13, 2])
@pytest.mark.parametrize("parts", [2, 3, 12])
def test_the_gradient_is_that_of_the_mean_over_the_whole_batch(parts, size):
    # Without noise: closed KL, and a decoder that ignores its latents but for its own weights,
    # whose gradient has the draws in it.
    whole, parted = gradients_of(1, size), gradients_of(parts, size)
    torch.testing.assert_close(parted[0], whole[0], rtol=1e-5, atol=0)
    n = len(whole[1]) - 8 - 4  # without the decoder's weights and biases
    torch.testing.assert_close(parted[1][:n], whole[1][:n], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(parted[1][-4:], whole[1][-4:], rtol=1e-4, atol=1e-6)


def test_clipping_is_of_the_whole():
    _, gradient = gradients_of(3, 12, clip_norm=0.01)
    assert gradient.norm().item() == pytest.approx(0.01, rel=1e-3)


def test_the_programs_run_on_parts():
    sizes = []
    vae = tiny_vae()
    guide = vae.guide

    def watched(x):
        if vae.training:
            sizes.append(len(x))
        return guide(x)

    vae.guide = watched
    quiet(vae, binary_data(17), epochs=1, batch_size=10, accumulate=3)
    assert sizes == [4, 4, 2, 3, 3, 1]


@pytest.mark.usefixtures("only_traced")
@pytest.mark.parametrize("objective", [None, lambda: ImportanceWeightedELBO(num_particles=3)])
def test_compiled_as_eager(objective):
    states, losses = [], []
    for compile in (False, True):
        vae = tiny_vae(dropout=0.2)
        history = fit(
            vae,
            binary_data(24),
            objective=None if objective is None else objective(),
            epochs=3,
            batch_size=8,
            accumulate=2,
            clip_norm=1.0,
            optimizer=partial(SGD, lr=0.1),
            compile=compile,
            progress=False,
            device="cpu",
        )
        states.append(state(vae))
        losses.append(history.column("loss"))
    assert history.compiled.startswith("compiled in")
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "objective", [MMDELBO(), DIPELBO(), BetaELBO(2.0, elbo=CapacityELBO())], ids=repr
)
def test_what_looks_across_the_batch_is_refused(objective):
    vae = tiny_vae()
    before = state(vae)
    with pytest.raises(
        ValueError, match="accumulate: expected 1, .* depends on the whole batch.* got 2"
    ):
        quiet(vae, binary_data(12), objective=objective, epochs=1, accumulate=2)
    assert same(state(vae), before)


class Sizes(Callback):
    def __init__(self):
        self.sizes, self.seen = [], 0

    def on_step(self, training, loss):
        seen = training.position.seen
        self.sizes.append(seen if training.position.steps == 1 else seen - self.seen)
        self.seen = seen


@pytest.mark.parametrize(
    ("source", "sizes"),
    [
        (lambda: binary_data(17), [5, 5, 5]),
        (lambda: binary_data(15), [5, 5, 5]),
        (lambda: binary_data(4), [4]),  # the only batch is no remainder
        (lambda: DataLoader(binary_data(17), batch_size=8), [8, 8]),
    ],
)
def test_the_last_smaller_batch_may_be_left_out(source, sizes):
    seen = Sizes()
    history = quiet(tiny_vae(), source(), epochs=2, batch_size=5, drop_last=True, callbacks=[seen])
    assert seen.sizes == 2 * sizes
    assert history[0]["loss"] > 0


def test_the_loss_is_the_mean_over_the_data_that_were_used():
    x = torch.arange(17.0)[:, None].expand(17, 4) / 17
    still, losses = partial(SGD, lr=0.0), []

    class Losses(Callback):
        def on_step(self, training, loss):
            losses.append(loss.item())

    history = quiet(
        tiny_vae(),
        x,
        epochs=1,
        batch_size=5,
        drop_last=True,
        optimizer=still,
        callbacks=[Losses()],
    )
    assert history[0]["loss"] == pytest.approx(sum(losses) / 3, rel=1e-6)
