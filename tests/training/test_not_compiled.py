"""What cannot be compiled to the same numbers is not, and says why."""

import pyro
import pyro.infer
import pytest
import torch
from stepping import batches, eager_step, vae_of
from tiny import binary_data, same, state, tiny_vae

from pyrovae import VAE, fit
from pyrovae.compilation import NotCompiled
from pyrovae.objectives import (
    ELBO,
)
from pyrovae.training.compiled import CompiledStep

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class FrozenSchedule(ELBO):
    """Weighs its bound by a Python number that a schedule moves: tracing would keep the first."""

    settled = 10.0
    weight = 1.0

    def advance(self, epoch):
        self.weight = 1.0 + epoch

    def bound_and_surrogate(self, model_trace, guide_trace):
        bound, surrogate = super().bound_and_surrogate(model_trace, guide_trace)
        return self.weight * bound, self.weight * surrogate


@pytest.mark.usefixtures("only_traced")
def test_a_number_that_was_frozen_into_the_graph_is_found():
    vae = vae_of()
    objective = FrozenSchedule()
    first, _ = batches()
    with pytest.raises(NotCompiled, match=r"its schedule moves a number .* objective\.weight"):
        CompiledStep(vae, eager_step(vae, objective), first)
    assert objective.weight == 1.0


@pytest.mark.usefixtures("only_traced")
def test_an_optimizer_that_steps_where_a_gradient_is_made_is_not_compiled():
    vae = vae_of()
    weight = next(vae.parameters())
    weight.register_post_accumulate_grad_hook(lambda parameter: None)
    with pytest.raises(NotCompiled, match="has a hook that is called when its gradient is there"):
        CompiledStep(vae, eager_step(vae, ELBO()), batches()[0])


class Branching(VAE):
    """Control flow that depends on data."""

    def model(self, x):
        with self.data_plate(x):
            z = pyro.sample("z", self.prior())
            if z.sum() > 0:
                z = 2 * z
            return pyro.sample("x", self.likelihood(z), obs=x)


class Peeking(VAE):
    """Reads a number off the data in a way that tracing does not see."""

    def model(self, x):
        shift = float(x.detach().cpu().numpy().mean())
        with self.data_plate(x):
            z = pyro.sample("z", self.prior())
            return pyro.sample("x", self.likelihood(z + shift), obs=x)


class Selecting(VAE):
    """Selects as many values as the data say: a graph would go on with their number."""

    def model(self, x):
        with self.data_plate(x):
            z = pyro.sample("z", self.prior())
            far = z.abs() > 3
            z = z.index_put((far,), z[far] / 2)
            return pyro.sample("x", self.likelihood(z), obs=x)


def with_class(cls):
    plain = tiny_vae()
    return cls(plain.prior, plain.posterior, plain.likelihood)


@pytest.mark.parametrize("cls", [Branching, Peeking, Selecting])
def test_what_cannot_be_traced_trains_uncompiled_and_says_why(cls):
    x = binary_data(16)
    x[:8] = 0  # two batches of different means
    eager, told = with_class(cls), with_class(cls)
    arguments = {"epochs": 2, "batch_size": 8, "progress": False, "device": "cpu"}
    fit(eager, x, compile=False, **arguments)
    with pytest.warns(UserWarning, match="training continues uncompiled") as caught:
        history = fit(told, x, compile=True, **arguments)
    assert len(caught) == 1
    assert history.compiled.startswith("not compiled: ")
    assert same(state(eager), state(told))


def test_without_a_compiler_training_goes_on(monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("No working C++ compiler found in cpp.cxx: (None, 'g++')")

    monkeypatch.setattr(torch._inductor, "compile", fail)
    vae = tiny_vae()
    with pytest.warns(UserWarning, match=r"there is no C\+\+ compiler on this machine"):
        fit(vae, binary_data(), epochs=1, compile=True, progress=False, device="cpu")


def test_a_pyro_estimator_that_looks_for_zeros_trains_uncompiled():
    with pytest.warns(UserWarning, match="control flow depends on the values"):
        fit(
            tiny_vae(),
            binary_data(),
            objective=pyro.infer.TraceEnum_ELBO(max_plate_nesting=1),
            epochs=1,
            compile=True,
            progress=False,
            device="cpu",
        )


def test_a_model_that_is_no_module_trains_uncompiled():
    class Bare:
        def __init__(self):
            self.vae = tiny_vae()
            self.model, self.guide = self.vae.model, self.vae.guide
            self.parameters = self.vae.parameters

    with pytest.warns(UserWarning, match="Bare is no nn.Module"):
        fit(Bare(), binary_data(), epochs=1, compile=True, progress=False, device="cpu")


@pytest.mark.parametrize(
    ("name", "value"), [("compile", "yes"), ("compile", 3), ("precision", "fp8")]
)
def test_bad_arguments(name, value):
    with pytest.raises(ValueError, match=f"{name}: expected"):
        fit(tiny_vae(), binary_data(), **{name: value})


class Penalised(ELBO):
    """Holds parameters in a list, where no swap by name reaches them."""

    def __init__(self, parameters):
        super().__init__()
        self.held = parameters

    def bound_and_surrogate(self, model_trace, guide_trace):
        penalty = sum(parameter.square().sum() for parameter in self.held)
        bound, surrogate = super().bound_and_surrogate(model_trace, guide_trace)
        return bound - penalty, surrogate - penalty


@pytest.mark.usefixtures("only_traced")
def test_a_parameter_held_elsewhere_is_not_lost():
    vae = tiny_vae()
    objective = Penalised(list(vae.parameters()))
    with pytest.raises(NotCompiled, match="uses a parameter of shape .* its gradient"):
        CompiledStep(vae, eager_step(vae, objective), (binary_data(6),))
    assert all(parameter.grad is None for parameter in vae.parameters())
