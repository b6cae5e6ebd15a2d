"""Training: what a step does, what it reports, and what it leaves alone."""

import math
from functools import partial

import pyro
import pyro.distributions as dist
import pyro.infer
import pytest
import torch
from pyro import poutine
from tiny import binary_data, grey_data, same, state, tiny_vae
from torch import nn
from torch.optim import SGD
from torch.utils.data import DataLoader, Dataset, TensorDataset

from pyrovae import VAE, fit
from pyrovae.datasets import Data, TensorSplit
from pyrovae.evaluation import elbo
from pyrovae.likelihoods.base import Likelihood
from pyrovae.nn import MLP
from pyrovae.objectives import AnalyticKLELBO, BetaELBO, ImportanceWeightedELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior
from pyrovae.training import CyclicalSchedule, LinearWarmup, Schedule

quiet = partial(fit, progress=False, device="cpu")
STILL = partial(SGD, lr=0.0)


class Keeper(SGD):
    """Never moves, and notes each step's gradients in `seen`."""

    def __init__(self, parameters, seen):
        super().__init__(parameters, lr=0.0)
        self.seen = seen

    def step(self, closure=None):
        gradients = [p.grad.clone() for group in self.param_groups for p in group["params"]]
        self.seen.append(torch.cat([gradient.flatten() for gradient in gradients]))


class Pairs(Dataset):
    """Data as a user's data set gives them: images and labels."""

    def __init__(self, x):
        self.x = x

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], i % 3


class PointModel:
    """No module at all: x ~ N(m, 1) and a latent that the guide puts at its prior.

    With q(z) = p(z) the KL term is zero for every draw, so the loss is exact:
    the mean over the data of (x - m)^2 / 2 + log(2 pi) / 2.
    """

    def __init__(self, m=0.0):
        self.m = nn.Parameter(torch.tensor([float(m)]))

    def parameters(self):
        return [self.m]

    def model(self, x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Normal(torch.zeros(1), 1).to_event(1))
            pyro.sample("x", dist.Normal(self.m, 1).to_event(1), obs=x)

    def guide(self, x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Normal(torch.zeros(1), 1).to_event(1))


def gaussian_loss(x, m):
    return ((x - m) ** 2 / 2).mean().item() + math.log(2 * math.pi) / 2


# Seeds and what is left alone


def test_one_seed_gives_the_same_weights_and_another_does_not():
    results = []
    for seed in (1, 1, 2):
        vae = tiny_vae()
        quiet(vae, binary_data(), epochs=2, batch_size=5, seed=seed)
        results.append(state(vae))
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


def test_the_callers_random_state_stays_with_a_seed_and_moves_without():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    quiet(tiny_vae(), binary_data(), epochs=1, seed=3)
    assert torch.get_rng_state().equal(before)
    quiet(tiny_vae(), binary_data(), epochs=1, seed=None)
    assert not torch.get_rng_state().equal(before)


def test_without_a_seed_the_callers_generator_decides():
    results = []
    for seed in (4, 4, 5):
        vae = tiny_vae()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            quiet(vae, binary_data(), epochs=1, seed=None)
        results.append(state(vae))
    assert same(results[0], results[1])
    assert not same(results[0], results[2])


def test_training_on_the_cpu_does_not_seed_other_devices(monkeypatch):
    seeded = []
    vae = tiny_vae()
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    quiet(vae, Data(binary_data(), validation=binary_data(4)), epochs=1, seed=3)
    assert seeded == []


def test_the_callers_param_store_stays():
    store = pyro.get_param_store()
    with store.scope():
        pyro.param("mine", torch.tensor(2.0))
        quiet(tiny_vae(), binary_data(), epochs=1)
        assert set(store.keys()) == {"mine"}
        assert store["mine"].item() == 2.0


@pytest.mark.parametrize("pyros", [True, False])
@pytest.mark.parametrize("torchs", [True, False])
def test_the_validation_flags_stay(pyros, torchs):
    # Pyro keeps a flag of its own beside torch's, and they need not agree.
    base = torch.distributions.Distribution
    with pyro.validation_enabled(pyros):
        base.set_default_validate_args(torchs)
        quiet(tiny_vae(), binary_data(), epochs=1)
        assert base._validate_args is torchs
        assert pyro.infer.util.is_validation_enabled() is pyros
        assert dist.is_validation_enabled() is pyros
        assert poutine.util.is_validation_enabled() is pyros


def test_a_frozen_parameter_stays():
    vae = tiny_vae()
    vae.likelihood.requires_grad_(False)
    before = state(vae)
    quiet(vae, binary_data(), epochs=2)
    after = state(vae)
    for name in before:
        frozen = name.startswith(("likelihood", "prior"))
        assert before[name].equal(after[name]) is frozen


def test_training_runs_in_training_mode_and_stays_in_it():
    vae = tiny_vae(dropout=0.5, batch_norm=True).eval()
    quiet(vae, Data(binary_data(), validation=binary_data(4)), epochs=1)
    assert all(module.training for module in vae.modules())
    # One update a step with data and none by the support's check or the validation.
    batch_norm = next(m for m in vae.modules() if isinstance(m, nn.BatchNorm1d))
    assert batch_norm.num_batches_tracked == 1


# The loss


@pytest.mark.parametrize("batch_size", [12, 5, 1])
def test_the_loss_is_the_mean_over_the_data(batch_size):
    # 12 = 5 + 5 + 2: the smaller last batch counts as much as its data.
    x = torch.arange(12.0)[:, None] / 12
    history = quiet(PointModel(0.3), x, optimizer=STILL, epochs=1, batch_size=batch_size)
    assert history[0]["loss"] == pytest.approx(gaussian_loss(x, 0.3), rel=1e-6)


def test_the_loss_is_minus_the_objectives_value():
    x = binary_data()
    vae = tiny_vae()
    objective = AnalyticKLELBO()
    # No draw of the guide matters where the decoder ignores z.
    nn.init.zeros_(vae.likelihood.network.layers[-1].weight)
    history = quiet(vae, x, objective=objective, optimizer=STILL, epochs=1, batch_size=12)
    with pyro.get_param_store().scope():
        expected = objective.loss(vae.model, vae.guide, x) / 12
    assert history[0]["loss"] == pytest.approx(expected, rel=1e-6)


def test_a_step_descends_by_the_learning_rate_times_the_mean_gradient():
    # d/dm of the mean of (x - m)^2 / 2 is m - mean(x).
    model = PointModel(0.5)
    x = torch.tensor([[1.0], [2.0], [6.0], [3.0]])
    quiet(model, x, optimizer=partial(SGD, lr=0.1), epochs=1, batch_size=4)
    assert model.m.item() == pytest.approx(0.5 - 0.1 * (0.5 - 3.0), rel=1e-6)


def test_gradients_do_not_depend_on_the_batch_size():
    gradients, losses = [], []
    x = torch.tensor([[1.0], [2.0], [6.0]])
    for repeats in (1, 2):
        seen = []
        history = quiet(
            PointModel(0.5),
            x.repeat(repeats, 1),
            optimizer=partial(Keeper, seen=seen),
            epochs=1,
            batch_size=100,
        )
        gradients += seen
        losses.append(history[0]["loss"])
    torch.testing.assert_close(gradients[0], gradients[1])
    torch.testing.assert_close(gradients[0], torch.tensor([0.5 - 3.0]))
    assert losses[0] == pytest.approx(losses[1])


def test_gradients_of_one_step_do_not_reach_the_next():
    seen = []
    x = torch.ones(6, 1)
    quiet(PointModel(0.0), x, optimizer=partial(Keeper, seen=seen), epochs=2, batch_size=2)
    torch.testing.assert_close(torch.cat(seen), -torch.ones(6))


def test_clip_norm_limits_the_norm_of_the_mean_gradient():
    def gradients(clip_norm):
        seen = []
        optimizer = partial(Keeper, seen=seen)
        quiet(tiny_vae(), binary_data(), epochs=1, optimizer=optimizer, clip_norm=clip_norm)
        return seen[0]

    free = gradients(None)
    assert gradients(0.1).norm().item() == pytest.approx(0.1, rel=1e-4)
    torch.testing.assert_close(gradients(0.1) / 0.1, free / free.norm(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradients(2 * free.norm().item()), free)


# Objectives, data and models of every kind


@pytest.mark.parametrize(
    "objective",
    [
        pyro.infer.Trace_ELBO(),
        pyro.infer.Trace_ELBO(num_particles=2, vectorize_particles=True),
        pyro.infer.TraceMeanField_ELBO(),
        pyro.infer.TraceGraph_ELBO(),
        pyro.infer.TraceEnum_ELBO(max_plate_nesting=1),
        pyro.infer.RenyiELBO(alpha=0.5, num_particles=2),
        pyro.infer.ReweightedWakeSleep(num_particles=2, max_plate_nesting=1),
        ImportanceWeightedELBO(num_particles=3),
    ],
    ids=lambda objective: type(objective).__name__,
)
def test_every_objective_trains(objective):
    x = (torch.rand(64, 4) < torch.tensor([0.9, 0.9, 0.1, 0.1])).float()
    vae = tiny_vae()
    optimizer = partial(torch.optim.Adam, lr=0.05)
    before = elbo(vae, TensorSplit(x), samples=10).elbo
    history = quiet(
        vae, x, objective=objective, optimizer=optimizer, epochs=12, batch_size=16, clip_norm=100.0
    )
    # From log 2 a variable to about 0.33 nats: more than one nat of the 2.8 is gained.
    assert elbo(vae, TensorSplit(x), samples=10).elbo > before + 0.5
    assert history[-1]["loss"] < history[0]["loss"]


def test_an_objective_that_knows_no_loss_trains_too():
    objective = pyro.infer.TraceTailAdaptive_ELBO(
        num_particles=2, vectorize_particles=True, max_plate_nesting=1
    )
    vae = tiny_vae()
    before = state(vae)
    history = quiet(vae, binary_data(), objective=objective, epochs=2)
    assert history.column("loss") == [math.inf, math.inf]
    assert not same(state(vae), before)


def test_equal_sources_of_data_give_equal_training():
    x = binary_data()
    sources = [
        x,
        x.numpy(),
        TensorDataset(x, torch.arange(12)),
        TensorSplit(x),
        Data(train=x),
    ]
    results = []
    for source in sources:
        vae = tiny_vae()
        quiet(vae, source, epochs=2, batch_size=5)
        results.append(state(vae))
    assert all(same(result, results[0]) for result in results)


@pytest.mark.parametrize(
    "wrap", [Pairs, lambda x: DataLoader(Pairs(x), batch_size=4), lambda x: (x, x, x)]
)
def test_of_longer_tuples_as_many_items_are_used_as_the_model_takes(wrap):
    x = torch.arange(10.0)[:, None]
    history = quiet(PointModel(0.3), wrap(x), optimizer=STILL, epochs=1)
    assert history[0]["loss"] == pytest.approx(gaussian_loss(x, 0.3), rel=1e-6)


def test_each_epoch_takes_all_data_in_an_order_of_its_own():
    orders = []
    vae = tiny_vae(normal=True)
    guide = vae.guide

    def watched(x):
        if vae.training:
            orders.append(x[:, 0])
        return guide(x)

    vae.guide = watched
    x = torch.arange(20.0)[:, None].expand(20, 4) / 20
    quiet(vae, x, epochs=2, batch_size=7)
    first, second = torch.cat(orders[:3]), torch.cat(orders[3:])
    assert first.sort().values.equal(x[:, 0])
    assert second.sort().values.equal(x[:, 0])
    # Two orders of twenty are the same once in 20!.
    assert not first.equal(x[:, 0])
    assert not first.equal(second)


def test_a_data_loader_keeps_its_own_batches():
    sizes = []
    vae = tiny_vae()
    guide = vae.guide

    def watched(x):
        if vae.training:
            sizes.append(len(x))
        return guide(x)

    vae.guide = watched
    loader = DataLoader(Pairs(binary_data(12)), batch_size=5, shuffle=True)
    quiet(vae, loader, epochs=1, batch_size=100)
    assert sizes == [5, 5, 2]


def test_a_batch_of_several_tensors_is_passed_on():
    class Weighted(PointModel):
        def model(self, x, w):
            assert len(x) == len(w)
            assert w.equal(x[:, 0] > 2)
            return super().model(x)

        def guide(self, x, w):
            return super().guide(x)

    x = torch.tensor([[1.0], [2.0], [6.0]])
    history = quiet(Weighted(), (x, x[:, 0] > 2), optimizer=STILL, epochs=1, batch_size=2)
    assert history[0]["loss"] == pytest.approx(gaussian_loss(x, 0.0), rel=1e-6)


def test_dynamic_binarization_draws_anew_and_trains():
    drawn = []
    vae = tiny_vae()
    guide = vae.guide

    def watched(x):
        if vae.training:
            drawn.append(x)
        return guide(x)

    vae.guide = watched
    split = TensorSplit(torch.full((50, 4), 0.5), binarization="dynamic")
    quiet(vae, split, epochs=2, batch_size=50)
    first, second = drawn
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert not first.equal(second)


# What is refused before anything changes


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (torch.full((5, 4), 3.0), r"'x'.*\[0, 1\].*3 to 3"),
        (torch.cat([torch.zeros(2000, 4), torch.full((1, 4), -1.0)]), r"'x'.*\[0, 1\].*-1"),
        (torch.tensor([[0.0, 1.0, math.nan, 0.0]]), "NaN"),
        (DataLoader(torch.tensor([[0.0, 1.0, math.nan, 0.0]])), "NaN"),
        (torch.zeros(5, 3), "4"),
        (torch.zeros(4), r"\(4,\)"),
        (torch.zeros(5, 2, 2), r"2, 2"),
        ("mnist", "str"),
    ],
)
def test_data_that_do_not_fit_are_refused(source, message):
    vae = tiny_vae()
    before = state(vae)
    with pytest.raises(ValueError, match=message):
        quiet(vae, source, epochs=1)
    assert same(state(vae), before)


def test_validation_data_that_do_not_fit_are_refused_before_training():
    vae = tiny_vae()
    before = state(vae)
    with pytest.raises(ValueError, match=r"'x'.*\[0, 1\].*3 to 3"):
        quiet(vae, Data(binary_data(), validation=torch.full((5, 4), 3.0)))
    assert same(state(vae), before)


class BinomialLikelihood(Likelihood):
    """A likelihood whose support is a tensor with one bound for each datum."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, z):
        return dist.Binomial(total_count=5, logits=self.network(z)).to_event(1)

    @classmethod
    def network_shape(cls, data_shape, **options):
        return data_shape


def test_a_support_that_is_a_tensor_is_checked_for_each_datum():
    def vae():
        return VAE(
            NormalPrior(2), NormalPosterior(MLP(4, [], 4)), BinomialLikelihood(MLP(2, [], 4))
        )

    x = torch.arange(12.0).view(3, 4) % 6
    quiet(vae(), x, epochs=1)
    x[2, 1] = 6.0
    with pytest.raises(ValueError, match="Binomial.*0 to 6"):
        quiet(vae(), x, epochs=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"clip_norm": 0.0}, "clip_norm"),
        ({"clip_norm": math.nan}, "clip_norm"),
        ({"beta": -1.0}, "beta"),
        ({"beta": math.nan}, "beta"),
        ({"patience": 1}, "validation"),
        ({"resume": True}, "checkpoint"),
        ({"device": "abacus"}, "abacus"),
        ({"device": "cuda:99"}, "cuda:99"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments, message):
    vae = tiny_vae()
    before = state(vae)
    with pytest.raises(ValueError, match=message) as caught:
        fit(vae, binary_data(), **{"device": "cpu", "progress": False} | arguments)
    assert "\n" not in str(caught.value)
    assert same(state(vae), before)


def test_a_patience_below_one_is_refused():
    data = Data(binary_data(), validation=binary_data(4))
    with pytest.raises(ValueError, match="patience"):
        quiet(tiny_vae(), data, patience=0)


# Optimizers, schedules and weights


def test_a_scheduler_moves_once_an_epoch():
    history = quiet(
        tiny_vae(),
        binary_data(),
        epochs=4,
        batch_size=3,
        optimizer=partial(SGD, lr=0.8),
        scheduler=partial(torch.optim.lr_scheduler.StepLR, step_size=2, gamma=0.5),
    )
    assert history.column("learning_rate") == [0.8, 0.8, 0.4, 0.4]


def test_the_optimizer_and_its_learning_rate_are_the_users():
    for optimizer in (SGD, torch.optim.Adam):
        history = quiet(tiny_vae(), binary_data(), epochs=1, optimizer=partial(optimizer, lr=0.02))
        assert history[0]["learning_rate"] == 0.02
    # The first step of Adam is lr * sign(gradient), whatever the gradient's size.
    model = PointModel(0.0)
    quiet(model, torch.full((3, 1), 40.0), optimizer=partial(torch.optim.Adam, lr=0.02), epochs=1)
    assert model.m.item() == pytest.approx(0.02, rel=1e-5)


class DependentPosteriorModel(PointModel):
    """q(z) = N(a, 1), p(z) = N(0, 1), x ~ N(m, 1): KL = a^2 / 2, and the likelihood ignores z."""

    def __init__(self):
        super().__init__(0.0)
        self.a = nn.Parameter(torch.tensor([2.0]))

    def parameters(self):
        return [self.m, self.a]

    def guide(self, x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Normal(self.a, 1).to_event(1))


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_beta_weighs_the_kl_term_and_nothing_else(beta):
    x = torch.tensor([[1.0], [2.0], [6.0]])
    by_fit, by_objective = [], []
    history = quiet(
        DependentPosteriorModel(),
        x,
        objective=AnalyticKLELBO(),
        beta=beta,
        optimizer=partial(Keeper, seen=by_fit),
        epochs=1,
    )
    # The gradient: m - mean(x) and beta * a; the loss: gaussian + beta a^2 / 2.
    torch.testing.assert_close(by_fit[0], torch.tensor([-3.0, beta * 2.0]))
    assert history[0]["loss"] == pytest.approx(gaussian_loss(x, 0.0) + beta * 2.0, rel=1e-6)
    assert history[0]["beta"] == beta
    quiet(
        DependentPosteriorModel(),
        x,
        objective=BetaELBO(beta, elbo=AnalyticKLELBO()),
        optimizer=partial(Keeper, seen=by_objective),
        epochs=1,
    )
    torch.testing.assert_close(by_fit, by_objective)


def test_the_objectives_weight_and_that_of_fit_multiply():
    x = torch.tensor([[1.0], [2.0], [6.0]])
    seen = []
    quiet(
        DependentPosteriorModel(),
        x,
        objective=BetaELBO(3.0, elbo=AnalyticKLELBO()),
        beta=0.5,
        optimizer=partial(Keeper, seen=seen),
        epochs=1,
    )
    torch.testing.assert_close(seen[0], torch.tensor([-3.0, 0.5 * 3.0 * 2.0]))


def weights_of_steps(source, schedule, *, epochs, batch_size):
    """The weight at each step, read off the gradient with respect to a, which is beta * 2."""
    seen = []
    history = quiet(
        DependentPosteriorModel(),
        source,
        objective=AnalyticKLELBO(),
        beta=schedule,
        optimizer=partial(Keeper, seen=seen),
        epochs=epochs,
        batch_size=batch_size,
    )
    return [round(gradient[1].item() / 2, 6) for gradient in seen], history


def test_a_warm_up_grows_within_an_epoch_and_stands_in_the_history():
    x = torch.ones(8, 1)
    weights, history = weights_of_steps(x, LinearWarmup(2), epochs=3, batch_size=2)
    assert weights == [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 1, 1, 1]
    assert history.column("beta") == [0.375, 0.875, 1.0]


def test_a_warm_up_follows_the_loaders_own_batches():
    loader = DataLoader(torch.ones(8, 1), batch_size=2)
    weights, _ = weights_of_steps(loader, LinearWarmup(2), epochs=3, batch_size=128)
    assert weights == [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 1, 1, 1]


def test_any_schedule_is_taken():
    class Falling(Schedule):
        settled = 3.0

        def __call__(self, epoch):
            return max(0.0, 3.0 - epoch)

    weights, _ = weights_of_steps(torch.ones(2, 1), Falling(), epochs=4, batch_size=2)
    assert weights == [3, 2, 1, 0]


# Validation and what is told


def test_validation_columns_are_the_bound_of_the_weights_after_the_epoch():
    data = Data(binary_data(), validation=binary_data(7, seed=1))
    vae = tiny_vae(dropout=0.3, batch_norm=True)
    history = quiet(vae, data, epochs=2, beta=0.3)
    expected = elbo(vae, data.validation)
    assert history[-1]["validation_elbo"] == expected.elbo
    assert history[-1]["validation_reconstruction"] == expected.reconstruction
    assert history[-1]["validation_kl"] == expected.kl
    assert history[0]["validation_elbo"] != expected.elbo


def test_validation_does_not_change_training():
    x = binary_data()
    results = []
    for data in (Data(x), Data(x, validation=binary_data(5, seed=1))):
        vae = tiny_vae(dropout=0.3, batch_norm=True)
        quiet(vae, data, epochs=3, batch_size=5)
        results.append(state(vae))
    assert same(*results)


def test_on_epoch_gets_each_row():
    rows = []
    history = quiet(tiny_vae(), binary_data(), epochs=3, on_epoch=rows.append)
    assert rows == list(history)
    assert history.column("epoch") == [1, 2, 3]
    assert all(row["seconds"] > 0 for row in rows)


def test_what_on_epoch_draws_does_not_change_training():
    results = []
    for looks in (0, 3):
        vae = tiny_vae()
        quiet(
            vae,
            binary_data(),
            epochs=3,
            on_epoch=lambda row, n=looks, vae=vae: [vae.sample(2, draw=True) for _ in range(n)],
        )
        results.append(state(vae))
    assert same(*results)


@pytest.mark.parametrize("progress", [True, False])
def test_progress_goes_to_standard_error_or_nowhere(progress, capfd):
    fit(tiny_vae(), binary_data(), epochs=2, batch_size=5, device="cpu", progress=progress)
    out, err = capfd.readouterr()
    assert out == ""
    assert ("epoch 2/2" in err) is progress
    assert bool(err) is progress


# Schedules by themselves


def test_linear_warmup():
    schedule = LinearWarmup(4, start=0.5, end=2.5)
    assert [schedule(t) for t in (0, 1, 2, 4, 9)] == [0.5, 1.0, 1.5, 2.5, 2.5]
    assert schedule.settled == 4


def test_cyclical_schedule():
    schedule = CyclicalSchedule(4, cycles=2, rising=0.5)
    assert [schedule(t) for t in (0, 1, 2, 3, 4, 5, 6, 7.5)] == [0, 0.5, 1, 1, 0, 0.5, 1, 1]
    # After the last cycle it does not fall again.
    assert [schedule(t) for t in (8, 9, 100)] == [1, 1, 1]
    assert schedule.settled == 8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearWarmup(0), "epochs"),
        (lambda: LinearWarmup(math.nan), "epochs"),
        (lambda: LinearWarmup(2, start=-1), "start"),
        (lambda: LinearWarmup(2, end=-1), "end"),
        (lambda: CyclicalSchedule(0), "period"),
        (lambda: CyclicalSchedule(2, cycles=0), "cycles"),
        (lambda: CyclicalSchedule(2, rising=0), "rising"),
        (lambda: CyclicalSchedule(2, rising=1.1), "rising"),
    ],
)
def test_schedules_refuse_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_grey_levels_are_accepted_under_a_bernoulli():
    history = quiet(tiny_vae(), grey_data(), epochs=1)
    assert math.isfinite(history[0]["loss"])
