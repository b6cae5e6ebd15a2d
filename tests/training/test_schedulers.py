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
