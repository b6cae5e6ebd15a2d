"""A compiled step that depends on a number: it takes hold, or is not compiled; never frozen."""

from functools import partial

import pyro
import pytest
import torch
from tiny import binary_data, same, state, tiny_vae
from torch.optim import SGD, Adam

from pyrovae import VAE, fit
from pyrovae.objectives import (
    DIPELBO,
    ELBO,
    MMDELBO,
    BetaELBO,
    CapacityELBO,
    CombinedImportanceWeightedELBO,
    FreeBitsELBO,
    TotalCorrelationELBO,
)
from pyrovae.training import Callback, CompiledSVI

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.usefixtures("only_traced"),
]
quiet = partial(
    fit, progress=False, device="cpu", batch_size=6, epochs=4, optimizer=partial(SGD, lr=0.05)
)


class Change(Callback):
    """Does something to the model or the objective after a step or an epoch."""

    def __init__(self, what, *, epoch=None, steps=()):
        self.what, self.epoch, self.steps = what, epoch, steps

    def on_step(self, training, loss):
        if training.step in self.steps:
            self.what(training.model)

    def on_epoch(self, training, row):
        if row["epoch"] == self.epoch:
            self.what(training.model)


def both(make, **options):
    """The states and losses of an eager run and of a compiled one."""
    results = []
    for compile in (False, True):
        model, more = make()
        history = quiet(model, binary_data(24), compile=compile, **options, **more)
        results.append((state(model), history.column("loss"), history.compiled))
    return results


def assert_alike(results):
    (eager, losses, _), (compiled, others, _) = results
    # Sums in another order, in float32.
    assert others == pytest.approx(losses, rel=1e-4)
    for name, tensor in eager.items():
        torch.testing.assert_close(compiled[name], tensor, rtol=1e-3, atol=1e-5)


WEIGHTS = {
    "beta": (lambda: BetaELBO(0.0), 50.0),
    "capacity": (lambda: CapacityELBO(capacity=1.0), 8.0),
    "gamma": (lambda: CapacityELBO(gamma=0.0), 9.0),
    "free_nats": (lambda: FreeBitsELBO(free_nats=0.0), 4.0),
    "elbo_weight": (lambda: CombinedImportanceWeightedELBO(elbo_weight=0.0), 1.0),
    "diagonal": (lambda: DIPELBO(diagonal=0.0), 3.0),
    "mmd_weight": (lambda: MMDELBO(mmd_weight=0.0), 300.0),
    "kl_weight": (lambda: MMDELBO(kl_weight=0.0), 30.0),
    "alpha": (lambda: TotalCorrelationELBO(data_size=24, alpha=0.0), 5.0),
}


WHEN = {"epoch": {"epoch": 2}, "step": {"steps": (6,)}}


@pytest.mark.parametrize(
    ("name", "when"),
    [
        # A weight has its turn at one of the two.
        pytest.param(name, when, marks=[] if (i + j) % 2 else pytest.mark.proof)
        for i, name in enumerate(WEIGHTS)
        for j, when in enumerate(WHEN)
    ],
)
def test_the_weight_of_an_objective_that_a_callback_sets(name, when):
    make, value = WEIGHTS[name]
    kept = []

    def run():
        objective = make()
        kept.append(objective)
        change = Change(lambda model: setattr(objective, name, value), **WHEN[when])
        return tiny_vae(), {"objective": objective, "callbacks": [change]}

    results = both(run)
    assert_alike(results)
    assert results[1][2].startswith("compiled in")
    assert float(getattr(kept[1], name)) == value
    # It matters: without the change the weights end elsewhere.
    vae = tiny_vae()
    quiet(vae, binary_data(24), objective=make(), compile=False)
    assert not torch.allclose(
        torch.cat([t.flatten() for t in state(vae).values()]),
        torch.cat([t.flatten() for t in results[0][0].values()]),
        atol=1e-3,
    )


def test_a_beta_that_a_callback_sets_closes_the_channel():
    """The KL of a run whose beta goes from 0 to 50, compiled as eager."""
    kls = []
    for compile in (False, True):
        vae, objective = tiny_vae(), BetaELBO(0.0)
        quiet(
            vae,
            binary_data(24),
            objective=objective,
            epochs=50,
            optimizer=partial(Adam, lr=0.04),
            compile=compile,
            callbacks=[Change(lambda model, o=objective: setattr(o, "beta", 50.0), epoch=10)],
        )
        with pyro.get_param_store().scope():
            posterior = vae.posterior(binary_data(24))
            kls.append(torch.distributions.kl_divergence(posterior, vae.prior()).mean().item())
    # Without the change it would be some nats.
    assert max(kls) < 0.1
    assert kls[1] == pytest.approx(kls[0], abs=0.02)
    assert "beta=50.0" in repr(objective)


class Sharp(VAE):
    """A user's model that reads a number of its own."""

    sharpness = 1.0

    def model(self, x):
        with self.data_plate(x):
            z = pyro.sample("z", self.prior())
            return pyro.sample("x", self.likelihood(self.sharpness * z), obs=x)


def sharp():
    plain = tiny_vae()
    vae = Sharp(plain.prior, plain.posterior, plain.likelihood)
    vae.sharpness = 1.0
    return vae


def test_a_number_in_a_users_model_makes_a_new_graph():
    change = Change(lambda model: setattr(model, "sharpness", 3.0), epoch=2)
    with pytest.warns(
        UserWarning, match="training is compiled again: model.sharpness was 1.0 and is 3.0"
    ):
        results = both(lambda: (sharp(), {}), callbacks=[change])
    assert_alike(results)
    assert results[1][2].startswith("compiled in")


def test_a_number_that_changes_again_makes_eager_steps():
    def run():
        values = iter([2.0, 3.0, 4.0, 5.0])
        change = Change(lambda model: setattr(model, "sharpness", next(values)), steps=(3, 6, 9))
        return sharp(), {"callbacks": [change]}

    with pytest.warns(UserWarning, match="training") as caught:
        results = both(run)
    said = [str(w.message) for w in caught]
    assert len(said) == 2
    assert said[0].startswith("training is compiled again: model.sharpness was 1.0 and is 2.0")
    assert said[1].startswith("training continues uncompiled: model.sharpness was 2.0 and is 3.0")
    assert_alike(results)
    assert "went on changing" in results[1][2]


def test_dropout_that_a_callback_sets():
    def run():
        vae = tiny_vae(dropout=0.5)
        layers = [m for m in vae.modules() if isinstance(m, torch.nn.Dropout)]
        change = Change(lambda model: [setattr(m, "p", 0.0) for m in layers], epoch=2)
        return vae, {"callbacks": [change]}

    with pytest.warns(UserWarning, match=r"compiled again: model\..*\.p was 0.5 and is 0.0"):
        results = both(run)
    assert_alike(results)


class Counting(VAE):
    """A warm-up counted in calls, so slow that two steps differ by less than roundings."""

    calls = 0

    def model(self, x):
        self.calls = self.calls + 1
        with self.data_plate(x):
            z = pyro.sample("z", self.prior())
            return pyro.sample("x", self.likelihood((1 + 1e-9 * self.calls) * z), obs=x)


def counting():
    plain = tiny_vae()
    vae = Counting(plain.prior, plain.posterior, plain.likelihood)
    vae.calls = 0
    return vae


def test_a_warm_up_counted_in_calls_is_not_compiled():
    models = []

    def run():
        models.append(counting())
        return models[-1], {}

    with pytest.warns(
        UserWarning, match="uncompiled: each run moves a number, .* model.calls was"
    ):
        results = both(run)
    # Looking whether it can be compiled has left no trace.
    assert models[0].calls == models[1].calls
    assert same(results[0][0], results[1][0])


class Lazy(VAE):
    """Prepares something at its first run."""

    factor = None

    def model(self, x):
        if self.factor is None:
            self.factor = 2.0
        with self.data_plate(x):
            z = pyro.sample("z", self.prior())
            return pyro.sample("x", self.likelihood(self.factor * z), obs=x)


def test_what_a_first_run_prepares_is_no_obstacle():
    def run():
        plain = tiny_vae()
        return Lazy(plain.prior, plain.posterior, plain.likelihood), {}

    results = both(run)
    assert_alike(results)
    assert results[1][2].startswith("compiled in")


def test_a_loop_of_ones_own():
    losses = []
    for fixed in (True, False):
        vae = sharp()
        svi = CompiledSVI(vae.model, vae.guide, partial(SGD, lr=1e-3), loss=ELBO())
        if fixed:
            svi._step._mode = False
        torch.manual_seed(1)
        for i, batch in enumerate(binary_data(24).split(6)):
            if i == 2:
                vae.sharpness = 4.0
            if i == 2 and not fixed:
                with pytest.warns(
                    UserWarning, match="the loop is compiled again: model.sharpness"
                ):
                    losses.append(svi.step(batch).item())
            else:
                losses.append(svi.step(batch).item())
            assert svi.compiled is not fixed
    assert losses[4:] == pytest.approx(losses[:4], rel=1e-4)
