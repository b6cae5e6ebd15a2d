"""Optimizers and schedulers in every form that a user gives them, and anew when a run goes on."""

from functools import partial

import pyro.optim
import pytest
from tiny import binary_data, same, state, tiny_vae
from torch.optim import LBFGS, SGD, Adam, SparseAdam
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, ReduceLROnPlateau, StepLR

from pyrovae import fit
from pyrovae.training import Callback

quiet = partial(fit, progress=False, device="cpu", batch_size=4)


def rates(history):
    return history.column("learning_rate")


class Rates(Callback):
    """Notes the learning rate after each step."""

    def __init__(self):
        self.rates = []

    def on_step(self, training, loss):
        self.rates.append(training.learning_rate)


# Given.


def test_an_instance_trains_as_what_makes_it():
    states = []
    for given in (partial(Adam, lr=0.02), lambda p: Adam(p, lr=0.02), None):
        vae = tiny_vae()
        optimizer = Adam(vae.parameters(), lr=0.02) if given is None else given
        quiet(vae, binary_data(), epochs=2, optimizer=optimizer)
        states.append(state(vae))
    assert same(states[0], states[1])
    assert same(states[0], states[2])


def test_an_instance_of_the_trained_parameters_of_a_partly_frozen_model():
    vae = tiny_vae()
    vae.likelihood.requires_grad_(False)
    optimizer = SGD((p for p in vae.parameters() if p.requires_grad), lr=0.1)
    before = state(vae.likelihood)
    quiet(vae, binary_data(), epochs=1, optimizer=optimizer)
    assert same(state(vae.likelihood), before)


def test_a_scheduler_of_the_instance_is_taken():
    vae = tiny_vae()
    optimizer = SGD(vae.parameters(), lr=0.8)
    scheduler = StepLR(optimizer, step_size=1, gamma=0.5)
    history = quiet(vae, binary_data(), epochs=3, optimizer=optimizer, scheduler=scheduler)
    assert rates(history) == [0.8, 0.4, 0.2]


WRONG = {
    "a name": ({"optimizer": "adam"}, r"optimizer: .*partial\(torch.optim.Adam.* got 'adam'"),
    "a number": ({"optimizer": 1e-3}, r"optimizer: .*partial\(torch.optim.Adam.* got 0.001"),
    "Pyro's": (
        {"optimizer": pyro.optim.Adam({"lr": 1e-3})},
        r"optimizer: .*torch optimizer.* got PyroOptim",
    ),
    "of another model": (
        {"optimizer": Adam(tiny_vae().parameters())},
        "optimizer: it must hold exactly the model's",
    ),
    "makes nothing": ({"optimizer": lambda p: None}, "optimizer: .* but it returned NoneType"),
    "several losses a step": (
        {"optimizer": LBFGS},
        "optimizer: LBFGS evaluates the loss several times",
    ),
    "sparse": ({"optimizer": SparseAdam}, "optimizer: SparseAdam needs sparse gradients"),
    "a scheduler's name": ({"scheduler": "cosine"}, "scheduler: .*StepLR.* got 'cosine'"),
    "a scheduler of another optimizer": (
        {"scheduler": StepLR(SGD(tiny_vae().parameters(), lr=0.1), 1)},
        "scheduler: expected a scheduler of the optimizer that trains",
    ),
    "a scheduler made of another": (
        {"scheduler": lambda _: StepLR(SGD(tiny_vae().parameters(), lr=0.1), 1)},
        "scheduler: expected a scheduler of the optimizer that trains",
    ),
    "makes no scheduler": ({"scheduler": lambda _: 3}, "scheduler: .* but it returned 3"),
    "a plateau by the step": (
        {"scheduler": ReduceLROnPlateau, "scheduler_moves": "step"},
        "scheduler_moves: expected 'epoch' for ReduceLROnPlateau",
    ),
    "moves": (
        {"scheduler_moves": "batch"},
        "scheduler_moves: expected 'epoch' or 'step', got 'batch'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_none_is_refused_with_what_to_write(name):
    options, message = WRONG[name]
    vae = tiny_vae()
    before = state(vae)
    with pytest.raises(ValueError, match=message) as caught:
        quiet(vae, binary_data(), epochs=1, **options)
    assert "\n" not in str(caught.value)
    assert same(state(vae), before)


# Schedulers.


def test_a_scheduler_moves_once_an_epoch():
    history = quiet(
        tiny_vae(),
        binary_data(),
        epochs=4,
        optimizer=partial(SGD, lr=0.8),
        scheduler=partial(StepLR, step_size=2, gamma=0.5),
    )
    assert rates(history) == [0.8, 0.8, 0.4, 0.4]


@pytest.mark.usefixtures("only_traced")
@pytest.mark.parametrize("compile", [False, True])
def test_a_scheduler_may_move_each_step(compile):
    seen, vae = Rates(), tiny_vae()
    quiet(
        vae,
        binary_data(12),
        epochs=2,
        optimizer=partial(SGD, lr=1.0),
        scheduler=partial(StepLR, step_size=1, gamma=0.5),
        scheduler_moves="step",
        callbacks=[seen],
        compile=compile,
    )
    assert seen.rates == [0.5**i for i in range(1, 7)]
    # The steps were taken with these rates: by hand, the same weights.
    by_hand = tiny_vae()
    quiet(
        by_hand,
        binary_data(12),
        epochs=2,
        optimizer=partial(SGD, lr=1.0),
        callbacks=[Halve()],
        compile=compile,
    )
    assert same(state(by_hand), state(vae))


class Halve(Callback):
    def on_step(self, training, loss):
        for group in training.optimizer.param_groups:
            group["lr"] = group["lr"] / 2


# Given anew when a run goes on.


def goes_on(path, first, then, *, epochs=(2, 5), scheduler=None):
    quiet(
        tiny_vae(),
        binary_data(12),
        epochs=epochs[0],
        optimizer=first,
        scheduler=scheduler,
        checkpoint=path,
    )
    return quiet(
        tiny_vae(), binary_data(12), epochs=epochs[1], optimizer=then, scheduler=scheduler,
        checkpoint=path, resume=True,
    )  # fmt: skip


def test_a_new_learning_rate_is_taken_and_said(tmp_path):
    with pytest.warns(UserWarning, match="resume: lr is 0.01 from now on; .* started with 0.1"):
        history = goes_on(tmp_path / "run.pt", partial(SGD, lr=0.1), partial(SGD, lr=0.01))
    assert rates(history) == [0.1, 0.1, 0.01, 0.01, 0.01]


def test_other_hyperparameters_too(tmp_path):
    first, then = partial(Adam, lr=0.1), partial(Adam, lr=0.1, betas=(0.5, 0.9), weight_decay=0.1)
    groups = []

    class Look(Callback):
        def on_epoch(self, training, row):
            groups.append(dict(training.optimizer.param_groups[0]))

    path = tmp_path / "run.pt"
    quiet(tiny_vae(), binary_data(12), epochs=1, optimizer=first, checkpoint=path)
    with pytest.warns(UserWarning, match="resume: (betas|weight_decay) is") as caught:
        quiet(
            tiny_vae(),
            binary_data(12),
            epochs=2,
            optimizer=then,
            checkpoint=path,
            resume=True,
            callbacks=[Look()],
        )
    assert len(caught) == 2
    assert groups[0]["betas"] == (0.5, 0.9)
    assert groups[0]["weight_decay"] == 0.1


def test_the_same_ones_say_nothing_though_a_scheduler_has_moved_them(tmp_path):
    one = partial(SGD, lr=0.8)
    history = goes_on(
        tmp_path / "run.pt", one, one, scheduler=partial(StepLR, step_size=1, gamma=0.5)
    )
    assert rates(history) == [0.8, 0.4, 0.2, 0.1, 0.05]


@pytest.mark.parametrize(
    ("scheduler", "expected"),
    [
        (partial(StepLR, step_size=1, gamma=0.5), [0.8, 0.4, 0.1, 0.05, 0.025]),
        (partial(LambdaLR, lr_lambda=lambda e: 1 / (1 + e)), [0.8, 0.4, 0.4 / 3, 0.1, 0.08]),
        (
            partial(CosineAnnealingLR, T_max=4),
            # 0.5 (1 + cos(pi t / 4)), of 0.8 and then of 0.4
            [0.8, 0.6828427, 0.2, 0.0585786, 0.0],
        ),
    ],
    ids=["StepLR", "LambdaLR", "CosineAnnealingLR"],
)
def test_a_scheduler_goes_on_from_the_new_one(scheduler, expected, tmp_path):
    with pytest.warns(UserWarning, match="resume: lr is 0.4 from now on"):
        history = goes_on(
            tmp_path / "run.pt", partial(SGD, lr=0.8), partial(SGD, lr=0.4), scheduler=scheduler
        )
    assert rates(history) == pytest.approx(expected, abs=1e-6)


def test_the_new_one_stays_when_the_run_goes_on_once_more(tmp_path):
    path = tmp_path / "run.pt"
    with pytest.warns(UserWarning, match="resume: lr is 0.01"):
        goes_on(path, partial(SGD, lr=0.1), partial(SGD, lr=0.01), epochs=(1, 2))
    history = quiet(
        tiny_vae(),
        binary_data(12),
        epochs=3,
        optimizer=partial(SGD, lr=0.01),
        checkpoint=path,
        resume=True,
    )
    assert rates(history) == [0.1, 0.01, 0.01]
