"""Every scheduler of torch's goes on from a checkpoint."""

from functools import partial

import pytest
from tiny import binary_data, same, state, tiny_vae
from torch.optim import SGD, lr_scheduler

from pyrovae import fit

quiet = partial(
    fit,
    progress=False,
    device="cpu",
    batch_size=6,
    compile=False,
    optimizer=partial(SGD, lr=0.1, momentum=0.9),
)


def sequential(optimizer):
    parts = [lr_scheduler.LinearLR(optimizer), lr_scheduler.ExponentialLR(optimizer, 0.5)]
    return lr_scheduler.SequentialLR(optimizer, parts, milestones=[2])


def chained(optimizer):
    parts = [lr_scheduler.ConstantLR(optimizer), lr_scheduler.ExponentialLR(optimizer, 0.5)]
    return lr_scheduler.ChainedScheduler(parts, optimizer)


SCHEDULERS = {
    "ConstantLR": lr_scheduler.ConstantLR,
    "CosineAnnealingLR": partial(lr_scheduler.CosineAnnealingLR, T_max=5),
    "CosineAnnealingWarmRestarts": partial(lr_scheduler.CosineAnnealingWarmRestarts, T_0=2),
    "CyclicLR": partial(lr_scheduler.CyclicLR, base_lr=0.01, max_lr=0.1, step_size_up=2),
    "ExponentialLR": partial(lr_scheduler.ExponentialLR, gamma=0.5),
    "LambdaLR": partial(lr_scheduler.LambdaLR, lr_lambda=lambda n: 0.9**n),
    "LinearLR": lr_scheduler.LinearLR,
    "MultiStepLR": partial(lr_scheduler.MultiStepLR, milestones=[1, 3]),
    "OneCycleLR": partial(lr_scheduler.OneCycleLR, max_lr=0.2, total_steps=12),
    "PolynomialLR": lr_scheduler.PolynomialLR,
    "ReduceLROnPlateau": partial(lr_scheduler.ReduceLROnPlateau, patience=0),
    "StepLR": partial(lr_scheduler.StepLR, step_size=2),
    "chained": chained,
    "sequential": sequential,
}


@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning")
@pytest.mark.parametrize("moves", ["epoch", "step"])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_it_goes_on(name, moves, tmp_path):
    if name == "ReduceLROnPlateau" and moves == "step":
        pytest.skip("it waits for an epoch's loss")
    path = tmp_path / "run.pt"
    options = {"scheduler": SCHEDULERS[name], "scheduler_moves": moves}
    whole, resumed = tiny_vae(), tiny_vae()
    history = quiet(whole, binary_data(12), epochs=5, **options)
    quiet(tiny_vae(), binary_data(12), epochs=2, checkpoint=path, **options)
    again = quiet(resumed, binary_data(12), epochs=5, checkpoint=path, resume=True, **options)
    assert again.column("learning_rate") == history.column("learning_rate")
    assert same(state(resumed), state(whole))


def resumed(tmp_path, first, second, **options):
    """The learning rates of a run of two epochs that goes on for four more with another scheduler."""
    given = {
        "optimizer": partial(SGD, lr=0.1),
        "progress": False,
        "device": "cpu",
        "compile": False,
    }
    given |= {"checkpoint": tmp_path / "checkpoint.pt"}
    vae = tiny_vae()
    fit(vae, binary_data(), epochs=2, scheduler=first, **given)
    history = fit(vae, binary_data(), epochs=6, scheduler=second, resume=True, **given | options)
    return history.column("learning_rate")


def test_a_scheduler_with_other_numbers_goes_on_with_the_new_ones(tmp_path):
    cosine = lr_scheduler.CosineAnnealingLR
    with pytest.warns(UserWarning, match="the scheduler's T_max is 6 from now on; .* with 2"):
        rates = resumed(tmp_path, partial(cosine, T_max=2), partial(cosine, T_max=6))
    # It does not climb again.
    assert rates[:2] == pytest.approx([0.1, 0.05])
    assert rates == sorted(rates, reverse=True)


def test_a_scheduler_within_another_cannot_change(tmp_path):
    def others(optimizer):
        parts = [lr_scheduler.LinearLR(optimizer), lr_scheduler.ExponentialLR(optimizer, 0.9)]
        return lr_scheduler.SequentialLR(optimizer, parts, milestones=[2])

    with pytest.raises(ValueError, match="expected the schedulers that the run was started with"):
        resumed(tmp_path, sequential, others)


@pytest.mark.filterwarnings("ignore:resume. lr")
@pytest.mark.parametrize("name", ["sequential", "StepLR"])
def test_the_same_scheduler_of_another_learning_rate_is_the_same(name, tmp_path):
    make = sequential if name == "sequential" else SCHEDULERS[name]
    rates = resumed(tmp_path, make, make, optimizer=partial(SGD, lr=0.2))
    whole = quiet(tiny_vae(), binary_data(), epochs=6, scheduler=make).column("learning_rate")
    assert rates == pytest.approx([*whole[:2], *(2 * rate for rate in whole[2:])])
