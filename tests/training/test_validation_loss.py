"""Early stopping and plateau schedulers go by what is trained: the objective's own loss."""

import math
from functools import partial

import pyro
import pyro.infer
import pytest
import torch
from tiny import binary_data, same, state, tiny_vae
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import ReduceLROnPlateau
from torch.utils.data import DataLoader

from pyrovae import fit
from pyrovae.datasets import Data, TensorSplit
from pyrovae.evaluation import elbo
from pyrovae.objectives import (
    ELBO,
    MMDELBO,
    AnalyticKLELBO,
    BetaELBO,
    CapacityELBO,
    FreeBitsELBO,
    ImportanceWeightedELBO,
    TemperedELBO,
    TotalCorrelationELBO,
)
from pyrovae.training import ExponentialDecay, LinearWarmup

quiet = partial(fit, progress=False, device="cpu", batch_size=6)


def data(n=9):
    return Data(binary_data(24), validation=binary_data(n, seed=1))


def mute(vae):
    """Lets the decoder ignore its latents, so that no draw matters where the KL is closed."""
    torch.nn.init.zeros_(vae.likelihood.network.layers[-1].weight)
    return vae


@pytest.mark.parametrize("beta", [1.0, 0.3])
def test_it_is_the_mean_of_the_objective_with_its_weights(beta):
    vae, split = mute(tiny_vae()), data()
    still = partial(SGD, lr=0.0)
    history = quiet(vae, split, objective=AnalyticKLELBO(), beta=beta, optimizer=still, epochs=1)
    (x,) = split.validation.take(9)
    with pyro.get_param_store().scope():
        expected = BetaELBO(beta, elbo=AnalyticKLELBO()).loss(vae.model, vae.guide, x) / 9
    assert history[0]["validation_loss"] == pytest.approx(expected, rel=1e-6)
    # The bound beside it has no weight.
    assert history[0]["validation_elbo"] == elbo(vae, split.validation, batch_size=6).elbo


def test_the_plain_bound_is_not_looked_at_twice(monkeypatch):
    looks = []

    class Counted(TensorSplit):
        def batches(self, *args, **kwargs):
            looks.append(1)
            return super().batches(*args, **kwargs)

        def read(self, *args, **kwargs):
            looks.append(1)
            return super().read(*args, **kwargs)

    counts = []
    for objective, beta in ((ELBO(), 1.0), (ELBO(), 0.5), (ELBO(num_particles=2), 1.0)):
        split = Data(binary_data(24), validation=Counted(binary_data(9, seed=1)))
        looks.clear()
        history = quiet(tiny_vae(), split, objective=objective, beta=beta, epochs=1)
        counts.append(len(looks))
        if len(counts) == 1:
            assert history[0]["validation_loss"] == -history[0]["validation_elbo"]
    # One look is at the support.
    assert counts == [2, 3, 3]


def test_a_warm_up_is_over_in_the_epoch_that_says_so():
    split = data()
    still = partial(SGD, lr=0.0)
    rows = quiet(tiny_vae(), split, optimizer=still, beta=LinearWarmup(2), epochs=3)
    plain = quiet(tiny_vae(), split, optimizer=still, beta=0.5, epochs=1)
    losses = rows.column("validation_loss")
    # Weights that stand still: half of the KL after one epoch, all of it after two and three.
    assert losses[0] == pytest.approx(plain[0]["validation_loss"], rel=1e-6)
    assert losses[0] != losses[1] == losses[2]
    # The column says with which weight the last step was taken.
    assert rows.column("beta") == [0.375, 0.875, 1.0]


OBJECTIVES = {
    "ELBO": ELBO,
    "importance-weighted": lambda: ImportanceWeightedELBO(num_particles=3),
    "tempered": lambda: TemperedELBO(ExponentialDecay(5)),
    "capacity": lambda: CapacityELBO(capacity=LinearWarmup(3, end=2.0)),
    "discrepancy": MMDELBO,
    "total correlation": lambda: TotalCorrelationELBO(data_size=24),
    "weighted": lambda: BetaELBO(0.2, elbo=FreeBitsELBO()),
    "Pyro's": lambda: pyro.infer.Trace_ELBO(max_plate_nesting=1),
    "wake-sleep": lambda: pyro.infer.ReweightedWakeSleep(num_particles=2, max_plate_nesting=1),
    "Renyi": lambda: pyro.infer.RenyiELBO(num_particles=2, max_plate_nesting=1),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_looking_at_it_changes_nothing(name):
    results = []
    for split in (Data(binary_data(24)), data(13)):
        vae = tiny_vae(dropout=0.3, batch_norm=True)
        objective = OBJECTIVES[name]()
        history = quiet(vae, split, objective=objective, epochs=4)
        numbers = {
            name: float(value)
            for name, value in vars(objective).items()
            if isinstance(value, int | float | torch.Tensor)
        }
        results.append((state(vae), history.column("loss"), numbers))
    assert same(results[0][0], results[1][0])
    assert results[0][1:] == results[1][1:]
    assert all(map(math.isfinite, history.column("validation_loss")))


@pytest.mark.parametrize("n", [13, 12, 7, 2])
def test_what_looks_across_the_batch_sees_batches_as_large_as_in_training(n):
    sizes = []

    class Noted(MMDELBO):
        def loss(self, model, guide, x):
            sizes.append(len(x))
            return super().loss(model, guide, x)

    quiet(tiny_vae(), data(n), objective=BetaELBO(1.0, elbo=Noted()), epochs=1)
    # 13 = 6 + 6 + 1: nothing can be compared with one datum.
    assert sizes == {13: [7, 6], 12: [6, 6], 7: [7], 2: [2]}[n]


def test_a_loaders_data_are_looked_at_in_batches_of_training():
    sizes = []

    class Noted(MMDELBO):
        def loss(self, model, guide, x):
            sizes.append(len(x))
            return super().loss(model, guide, x)

    loader = DataLoader(binary_data(13, seed=1), batch_size=4)
    quiet(tiny_vae(), Data(binary_data(24), validation=loader), objective=Noted(), epochs=1)
    # Six at a time, and the last datum, which could be compared with none, with those before.
    assert sorted(sizes) == [6, 7]


def test_one_datum_to_look_across_is_refused_before_training():
    vae = tiny_vae()
    before = state(vae)
    with pytest.raises(ValueError, match="validation: MMDELBO depends on the whole batch"):
        quiet(vae, data(1), objective=MMDELBO(), epochs=1)
    assert same(state(vae), before)


def pictures(n, seed):
    """Data that a latent explains: one of four patterns, with some noise."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 4, (n,), generator=generator)
    return (torch.eye(4)[kind] + 0.1 * torch.randn(n, 4, generator=generator)).clamp(0, 1)


@pytest.mark.parametrize(
    "options",
    [
        # What stops by a weight on the KL is the mean of the objective with it, as tried above.
        pytest.param({"beta": 1e-3}, marks=pytest.mark.proof),
        pytest.param({"objective": BetaELBO(1e-3)}, marks=pytest.mark.proof),
        {"objective": MMDELBO(mmd_weight=1.0)},
    ],
    ids=["beta", "BetaELBO", "MMDELBO"],
)
def test_an_objective_far_from_the_bound_is_trained_to_its_end(options):
    """Such a run explains the data ever better, at the price of a KL that nobody asked for."""
    split = Data(pictures(400, 0), validation=pictures(300, 1))
    x = pictures(300, 2)
    errors = []
    vae = tiny_vae(hidden=(16,))

    def error():
        return (vae.reconstruct(x) - x).square().mean().item()

    history = quiet(
        vae,
        split,
        batch_size=40,
        epochs=30,
        patience=10,
        optimizer=partial(Adam, lr=1e-2),
        compile=False,
        on_epoch=lambda row: errors.append(error()),
        **options,
    )
    # By the bound it would have gone back to the first epochs, where nothing is explained.
    bounds = history.column("validation_elbo")
    by_bound = errors[bounds.index(max(bounds))]
    losses = history.column("validation_loss")
    assert losses.index(min(losses)) + 1 == history.best_epoch
    assert error() == errors[history.best_epoch - 1]
    assert error() < by_bound / 4


def test_a_plateau_is_one_of_the_objectives_loss():
    seen = []

    class Noted(ReduceLROnPlateau):
        def step(self, metrics):
            seen.append(metrics)
            super().step(metrics)

    for objective in (BetaELBO(0.1), ELBO()):
        seen.clear()
        history = quiet(tiny_vae(), data(), objective=objective, scheduler=Noted, epochs=3)
        assert seen == history.column("validation_loss")
    seen.clear()
    history = quiet(tiny_vae(), binary_data(), scheduler=Noted, epochs=2)
    assert seen == history.column("loss")


def test_a_loss_that_is_no_number_is_never_the_best():
    class Infinite(ELBO):
        def loss(self, *args, **kwargs):
            return -math.inf

    history = quiet(tiny_vae(), data(), objective=Infinite(num_particles=2), patience=1, epochs=5)
    assert history.best_epoch is None
    assert len(history) == 1
