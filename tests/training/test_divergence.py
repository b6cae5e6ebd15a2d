"""When a number stops being one: training says where and gives the last good weights back."""

import math
from functools import partial

import pyro.distributions as dist
import pytest
import torch
from pyro.infer import TraceTailAdaptive_ELBO
from tiny import FEATURES, binary_data, grey_data, same, state, tiny_vae
from torch import nn
from torch.optim import SGD

from pyrovae import VAE, fit
from pyrovae.likelihoods.base import Likelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior
from pyrovae.training import Diverged, divergence

quiet = partial(fit, progress=False, device="cpu")


class Poisoned(torch.autograd.Function):
    """The identity, whose gradient is NaN once `armed`."""

    armed = False

    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * math.nan if Poisoned.armed else gradient


class OddLikelihood(Likelihood):
    """A normal whose mean a test can spoil from outside."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        self.norm = nn.BatchNorm1d(FEATURES, affine=False)
        self.spoil = lambda loc: loc

    def forward(self, z):
        loc = self.norm(self.network(z)) if self.training else self.network(z)
        return dist.Normal(self.spoil(loc), 1.0).to_event(1)

    @classmethod
    def network_shape(cls, data_shape, **options):
        return data_shape


def odd_vae():
    torch.manual_seed(1)
    posterior = NormalPosterior(MLP(FEATURES, [3], 4))
    return VAE(NormalPrior(2), posterior, OddLikelihood(MLP(2, [], FEATURES)))


class Watch:
    """Keeps the state after each epoch, and does something after the second."""

    def __init__(self, model, then):
        self.model = model
        self.then = then
        self.states = [state(model)]

    def __call__(self, row):
        self.states.append(state(self.model))
        if row["epoch"] == 2:
            self.then()


def test_a_huge_learning_rate_diverges_and_gives_the_weights_back():
    vae = tiny_vae(normal=True)
    watch = Watch(vae, lambda: None)
    with pytest.raises(Diverged, match="parameter|site") as caught:
        quiet(
            vae,
            grey_data(),
            epochs=50,
            batch_size=3,
            optimizer=partial(SGD, lr=1e6),
            on_epoch=watch,
        )
    assert same(state(vae), watch.states[-1])
    assert all(tensor.isfinite().all() for tensor in vae.state_dict().values())
    assert f"epoch {len(watch.states)}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("batch_size", [100, 5])
def test_a_gradient_that_is_nan_names_a_parameter(batch_size):
    # With one step an epoch only the look at the epoch's end can find it.
    vae = odd_vae()
    vae.likelihood.spoil = Poisoned.apply
    watch = Watch(vae, lambda: setattr(Poisoned, "armed", True))
    Poisoned.armed = False
    with pytest.raises(Diverged, match=r"epoch 3.*parameter '(posterior|likelihood)\.network"):
        quiet(vae, grey_data(), epochs=5, batch_size=batch_size, on_epoch=watch)
    Poisoned.armed = False
    assert len(watch.states) == 3
    # The buffers of batch normalisation too: they have moved since.
    assert any("running_mean" in name for name in watch.states[2])
    assert same(state(vae), watch.states[2])
    assert not same(state(vae), watch.states[1])


def test_a_likelihood_that_gives_nan_is_named():
    vae = odd_vae()
    spoil = partial(setattr, vae.likelihood, "spoil", lambda loc: loc * math.nan)
    watch = Watch(vae, spoil)
    with pytest.raises(
        Diverged, match="epoch 3, step 1.*log-probability of site 'x' in the model"
    ):
        quiet(vae, grey_data(), epochs=5, batch_size=5, on_epoch=watch)
    assert same(state(vae), watch.states[2])


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_an_infinite_loss_whose_gradient_is_finite_is_named(value):
    class Shifted(dist.Normal):
        def log_prob(self, x):
            return super().log_prob(x) + value

    vae = odd_vae()

    def spoil():
        vae.likelihood.forward = lambda z: Shifted(vae.likelihood.network(z), 1.0).to_event(1)

    watch = Watch(vae, spoil)
    with pytest.raises(
        Diverged, match="epoch 3, step 1.*log-probability of site 'x' in the model"
    ):
        quiet(vae, grey_data(), epochs=5, batch_size=5, on_epoch=watch)
    assert same(state(vae), watch.states[2])


def test_to_look_whether_an_objective_has_a_loss_moves_nothing(monkeypatch):
    """As the statistics of a normalisation would be by another pass through the network."""

    def trained():
        vae = tiny_vae()
        vae.register_buffer("passes", torch.zeros(()))
        vae.posterior.network.register_forward_hook(lambda *_: vae.passes.add_(1) and None)
        objective = TraceTailAdaptive_ELBO(
            num_particles=2, vectorize_particles=True, max_plate_nesting=1
        )
        history = quiet(vae, binary_data(), objective=objective, epochs=2, batch_size=5)
        assert history.column("loss") == [math.inf, math.inf]
        return state(vae)

    found = trained()
    monkeypatch.setattr(divergence.Watch, "_sites_are_finite", lambda self: True)
    assert found["passes"] == trained()["passes"] > 0


def test_a_posterior_that_gives_nan_is_named():
    vae = odd_vae()

    def spoil():
        vae.posterior.network.register_forward_hook(lambda module, x, y: y * math.nan)

    watch = Watch(vae, spoil)
    with pytest.raises(Diverged, match="site 'z' in the guide"):
        quiet(vae, grey_data(), epochs=5, batch_size=5, on_epoch=watch)
    assert same(state(vae), watch.states[2])


def test_what_is_no_module_gets_its_weights_back_too():
    class Plain:
        def __init__(self):
            self.vae = tiny_vae()
            self.model = self.vae.model
            self.guide = self.vae.guide

        def parameters(self):
            return self.vae.parameters()

    plain = Plain()
    before = state(plain.vae)
    with pytest.raises(Diverged):
        quiet(plain, binary_data(), epochs=1, batch_size=3, optimizer=partial(SGD, lr=math.inf))
    assert same(state(plain.vae), before)


def test_divergence_leaves_the_callers_random_state_and_modes():
    vae = tiny_vae()
    before = torch.get_rng_state()
    with pytest.raises(Diverged):
        quiet(vae, binary_data(), epochs=1, batch_size=3, optimizer=partial(SGD, lr=math.inf))
    assert torch.get_rng_state().equal(before)


def test_divergence_leaves_the_checkpoint_of_the_epoch_before(tmp_path):
    path = tmp_path / "run.pt"
    vae = odd_vae()
    watch = Watch(vae, lambda: setattr(vae.likelihood, "spoil", lambda loc: loc * math.nan))
    with pytest.raises(Diverged):
        quiet(vae, grey_data(), epochs=5, on_epoch=watch, checkpoint=path)
    content = torch.load(path, weights_only=True)
    assert same(content["state_dict"], watch.states[2])
    assert len(content["training"]["history"]["rows"]) == 2
