"""The compiled step gives the eager step's numbers, or says why it is not taken."""

import math
from functools import partial

import pyro
import pyro.distributions as dist
import pyro.infer
import pytest
import torch
from registry import DATA, KINDS, LATENT, LIKELIHOODS, OBJECTIVES, POSTERIORS, PRIORS
from tiny import binary_data, same, state, tiny_vae

from pyrovae import VAE, fit
from pyrovae.compilation import NotCompiled
from pyrovae.datasets import TensorSplit
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import CategoricalVAE
from pyrovae.nn import MLP
from pyrovae.objectives import (
    ELBO,
    VIMCO,
    BetaELBO,
    CapacityELBO,
    EnumeratedELBO,
    ImportanceWeightedELBO,
)
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import (
    CategoricalPrior,
    NormalPrior,
    RelaxedCategoricalPrior,
    UniformSpherePrior,
)
from pyrovae.schedules import LinearWarmup
from pyrovae.training import CompiledSVI
from pyrovae.training.compiled import CompiledStep
from pyrovae.training.gradients import Gradients
from pyrovae.training.step import Step

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

PRIOR_OF = {
    "CategoricalPosterior": CategoricalPrior,
    "RelaxedCategoricalPosterior": RelaxedCategoricalPrior,
    "PowerSphericalPosterior": UniformSpherePrior,
}


@pytest.fixture
def only_traced(monkeypatch):
    """Runs the traced graph itself, as torch operations: inductor takes seconds a graph."""
    monkeypatch.setattr(torch._inductor, "compile", lambda graph, inputs, options=None: graph)


def vae_of(*, prior="NormalPrior", posterior="NormalPosterior", likelihood=None):
    q = POSTERIORS[posterior]()
    p = PRIOR_OF[posterior](LATENT) if posterior in PRIOR_OF else PRIORS[prior](q)
    bits = BernoulliLikelihood(MLP(LATENT, [4], DATA, activation="tanh"))
    return VAE(p, q, LIKELIHOODS[likelihood]() if likelihood else bits)


def categorical_vae():
    likelihood = BernoulliLikelihood(MLP(6, [4], DATA))
    return CategoricalVAE(MLP(DATA, [4], 6), likelihood, variables=2, categories=3)


def batches(n=5):
    generator = torch.Generator().manual_seed(0)
    return [(torch.rand(n, *DATA, generator=generator).round(),) for _ in range(2)]


gradient_descent = partial(torch.optim.SGD, lr=1.0)


def eager_step(model, objective, *, optimizer=None, **options):
    """A step that moves each parameter by its gradient, unless another optimizer is given."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    gradients = Gradients(model.model, model.guide, objective, **options)
    return Step(parameters, gradients, (optimizer or gradient_descent)(parameters))


def agree(model, objective, *, data=None, **options):
    """Traces on one batch, compares it with itself in part (inside) and here with another."""
    first, third = data if data is not None else batches()
    model.train()
    step = eager_step(model, objective, **options)
    compiled = CompiledStep(model, step, first)
    assert compiled.fits(third)
    start = state(model)
    results = []
    for taken in (step, compiled):
        model.load_state_dict(start)
        torch.manual_seed(3)
        with pyro.get_param_store().scope():
            loss = taken(third)
        results.append({"loss": loss.detach(), **state(model)})
    for name, eager in results[0].items():
        # Sums in another order, in float32 or, if asked for, with products in bfloat16.
        exact = options.get("precision", "float32") == "float32"
        torch.testing.assert_close(
            results[1][name], eager, rtol=1e-4 if exact else 0.1, atol=1e-5 if exact else 1e-2
        )
    assert not same({name: results[1][name] for name in start}, start)
    return start


FITTING_PRIORS = [name for name in PRIORS if KINDS.get(name, "real") == "real"]


@pytest.mark.usefixtures("only_traced")
@pytest.mark.parametrize("prior", FITTING_PRIORS)
def test_every_prior_traces(prior):
    agree(vae_of(prior=prior), ELBO())


@pytest.mark.usefixtures("only_traced")
def test_a_part_in_two_places_keeps_its_parameters():
    # A VampPrior's posterior is the guide's: one module under two names.
    vaes, losses = [vae_of(prior="VampPrior") for _ in range(2)], []
    vaes[1].load_state_dict(state(vaes[0]))
    before = [id(p) for p in vaes[1].parameters()]
    for vae, compile in zip(vaes, (False, True), strict=True):
        arguments = {"epochs": 3, "batch_size": 5, "progress": False, "device": "cpu"}
        history = fit(vae, batches(10)[0][0], compile=compile, **arguments)
        losses.append(history.column("loss"))
    assert [id(p) for p in vaes[1].parameters()] == before
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    for name, tensor in state(vaes[0]).items():
        torch.testing.assert_close(state(vaes[1])[name], tensor, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("only_traced")
@pytest.mark.parametrize("posterior", [n for n in POSTERIORS if KINDS.get(n) != "code"])
def test_every_posterior_traces(posterior):
    agree(vae_of(posterior=posterior), ELBO())


@pytest.mark.usefixtures("only_traced")
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_every_likelihood_traces(likelihood):
    vae = vae_of(likelihood=likelihood)
    torch.manual_seed(0)
    data = [(vae.sample(5, draw=True),) for _ in range(2)]
    agree(vae, ELBO(), data=data)


@pytest.mark.usefixtures("only_traced")
@pytest.mark.parametrize("objective", [n for n in OBJECTIVES if n != "VectorQuantizedELBO"])
def test_every_objective_traces(objective):
    agree(vae_of(), OBJECTIVES[objective]())


@pytest.mark.usefixtures("only_traced")
@pytest.mark.parametrize("prior", [n for n in PRIORS if KINDS.get(n) == "code"])
def test_a_vq_vae_traces(prior):
    q = POSTERIORS["VectorQuantizedPosterior"]()
    bits = BernoulliLikelihood(MLP(LATENT, [4], DATA, activation="tanh"))
    agree(VAE(PRIORS[prior](q), q, bits), OBJECTIVES["VectorQuantizedELBO"]())


@pytest.mark.usefixtures("only_traced")
@pytest.mark.parametrize(
    "objective", [EnumeratedELBO(), VIMCO(num_particles=3), ELBO()], ids=lambda o: repr(o)
)
def test_discrete_latents_trace(objective):
    agree(categorical_vae(), objective)


@pytest.mark.usefixtures("only_traced")
def test_clipping_is_part_of_the_step():
    vae = vae_of()
    start = agree(vae, ELBO(), clip_norm=0.01)
    ways = torch.stack([(value - start[name]).norm() for name, value in state(vae).items()])
    assert ways.norm().item() == pytest.approx(0.01, rel=1e-3)


@pytest.mark.usefixtures("only_traced")
def test_bfloat16_rounds_products_and_nothing_else():
    seen = []

    class Watched(VAE):
        def model(self, x):
            with self.data_plate(x):
                z = pyro.sample("z", self.prior())
                px = self.likelihood(z)
                seen.append(px.base_dist.logits.dtype)
                return pyro.sample("x", px, obs=x)

    plain = vae_of()
    vae = Watched(plain.prior, plain.posterior, plain.likelihood)
    agree(vae, ELBO(), precision="bf16")
    assert set(seen) == {torch.float32}
    gradients = Gradients(vae.model, vae.guide, ELBO(), precision="bf16")
    x = batches()[0]
    losses = []
    for precision in ("float32", "bf16"):
        gradients.precision = precision
        torch.manual_seed(0)
        losses.append(gradients(list(vae.parameters()), x).item())
    assert losses[0] != losses[1]
    # 8 bits in each factor: relative errors of a few thousandths.
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


# With inductor itself.


@pytest.mark.parametrize("case", ["elbo", "batch_norm", "importance_weighted"])
def test_compiled_and_eager_training_follow_each_other(case):
    x = TensorSplit(torch.rand(22, 4), binarization="dynamic")
    options = {"batch_norm": True} if case == "batch_norm" else {}
    objective = (
        ImportanceWeightedELBO(num_particles=3) if case == "importance_weighted" else ELBO()
    )
    histories, states = [], []
    for compile in (False, True):
        vae = tiny_vae(**options)
        # 22 data in batches of 8: the last has 6.
        history = fit(
            vae,
            x,
            objective=objective,
            epochs=4,
            batch_size=8,
            # Adam would divide roundings by their own size where a gradient is zero.
            optimizer=partial(torch.optim.SGD, lr=1e-2, momentum=0.9),
            beta=LinearWarmup(3),
            clip_norm=5.0,
            compile=compile,
            progress=False,
            device="cpu",
        )
        histories.append(history)
        states.append(state(vae))
    assert histories[0].compiled == "not compiled"
    assert histories[1].compiled.startswith("compiled in")
    losses = [torch.tensor(history.column("loss")) for history in histories]
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-4, atol=1e-4)
    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, rtol=1e-4, atol=1e-4)


def test_importance_weights_of_many_pixels_compile():
    # A log-density of -8500 has roundings of 5e-4, and importance weights relative errors of it.
    torch.manual_seed(0)
    vae = VAE(
        NormalPrior(5),
        NormalPosterior(MLP(12288, (16,), 10)),
        BernoulliLikelihood(MLP(5, (16,), 12288)),
    )
    x = torch.rand(20, 12288).round()
    CompiledStep(vae, eager_step(vae, ImportanceWeightedELBO(num_particles=5)), (x,))


@pytest.mark.parametrize(
    "optimizer",
    [
        partial(torch.optim.AdamW, lr=1e-2, fused=True),
        partial(torch.optim.Adamax, lr=1e-2),
        partial(torch.optim.SGD, lr=1e-3, momentum=0.9),
        partial(torch.optim.Adam, lr=1e-2, amsgrad=True),
        partial(torch.optim.Adagrad, lr=1e-2),
    ],
    # The last two step themselves along compiled gradients.
    ids=["AdamW", "Adamax", "SGD", "amsgrad", "Adagrad"],
)
@pytest.mark.usefixtures("only_traced")
def test_every_optimizer_and_a_learning_rate_schedule(optimizer):
    losses = []
    for compile in (False, True):
        history = fit(
            tiny_vae(),
            binary_data(16),
            epochs=4,
            batch_size=8,
            optimizer=optimizer,
            scheduler=lambda optim: torch.optim.lr_scheduler.ExponentialLR(optim, 0.5),
            compile=compile,
            progress=False,
            device="cpu",
        )
        losses.append(history.column("loss"))
        rates = history.column("learning_rate")
        assert rates[1] == rates[0] / 2
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)


# Schedules.


@pytest.mark.usefixtures("only_traced")
def test_a_capacity_moves_inside_the_graph():
    objective = BetaELBO(1.0, elbo=CapacityELBO(capacity=LinearWarmup(4, end=8.0)))
    vae = vae_of()
    step = eager_step(vae, objective, optimizer=partial(torch.optim.SGD, lr=0.0))
    first, third = batches()
    compiled = CompiledStep(vae, step, first)
    assert float(objective.elbo.capacity) == 0  # comparing has moved it and put it back
    losses = []
    for epoch in (0, 4):
        objective.advance(epoch)
        torch.manual_seed(0)
        losses.append(compiled(third).item())
    # 30 |KL - C| for 5 data, where C goes from 0 to 8.
    torch.manual_seed(0)
    with pyro.get_param_store().scope():
        eager = step(third).item()
    assert losses[1] == pytest.approx(eager, rel=1e-5)
    assert losses[0] != losses[1]


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


# Never silently wrong.


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


def with_class(cls):
    plain = tiny_vae()
    return cls(plain.prior, plain.posterior, plain.likelihood)


@pytest.mark.parametrize("cls", [Branching, Peeking])
def test_what_cannot_be_traced_trains_uncompiled_and_says_why(cls):
    x = binary_data(16)
    x[:8] = 0  # two batches of different means
    eager, told = with_class(cls), with_class(cls)
    arguments = {"epochs": 2, "batch_size": 8, "progress": False, "device": "cpu"}
    fit(eager, x, compile=False, **arguments)
    with pytest.warns(UserWarning, match="training goes on uncompiled") as caught:
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


def test_a_pyro_estimator_that_waits_for_its_loss_trains_uncompiled():
    with pytest.warns(UserWarning, match="control flow depends on the values"):
        fit(
            tiny_vae(),
            binary_data(),
            objective=pyro.infer.Trace_ELBO(max_plate_nesting=1),
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


@pytest.mark.usefixtures("only_traced")
def test_tracing_leaves_buffers_gradients_and_random_numbers_alone():
    vae = tiny_vae(batch_norm=True).train()
    before = state(vae)
    random = torch.get_rng_state()
    first = (binary_data(6),)
    CompiledStep(vae, eager_step(vae, ELBO()), first)
    assert same(state(vae), before)
    assert all(parameter.grad is None for parameter in vae.parameters())
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.distributions.Distribution._validate_args
    assert len(pyro.get_param_store()) == 0


def test_a_short_run_is_not_compiled_and_says_so(monkeypatch):
    monkeypatch.setattr(torch._inductor, "compile", lambda *a, **k: pytest.fail("compiled"))
    history = fit(tiny_vae(), binary_data(24), epochs=6, batch_size=6, progress=False)
    assert "too short to earn it" in history.compiled


@pytest.mark.usefixtures("only_traced")
def test_a_long_run_is_compiled_on_its_way(monkeypatch):
    monkeypatch.setattr("pyrovae.compilation.auto.WORTH_COMPILING", 0.0)
    compiled, eager = tiny_vae(), tiny_vae()
    arguments = {"epochs": 6, "batch_size": 6, "progress": False, "device": "cpu"}
    history = fit(compiled, binary_data(24), **arguments)
    assert history.compiled.startswith("compiled in")
    fit(eager, binary_data(24), compile=False, **arguments)
    for name, tensor in state(eager).items():
        torch.testing.assert_close(state(compiled)[name], tensor, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("only_traced")
def test_a_run_that_was_compiled_goes_on_compiled(monkeypatch, tmp_path):
    monkeypatch.setattr("pyrovae.compilation.auto.WORTH_COMPILING", 0.0)
    arguments = {"batch_size": 2, "progress": False, "device": "cpu"}
    whole, parted = tiny_vae(), tiny_vae()
    fit(whole, binary_data(24), epochs=4, **arguments)
    path = tmp_path / "run.pt"
    fit(parted, binary_data(24), epochs=2, checkpoint=path, **arguments)
    monkeypatch.setattr("pyrovae.compilation.auto.WORTH_COMPILING", 1e9)
    history = fit(parted, binary_data(24), epochs=4, checkpoint=path, resume=True, **arguments)
    assert history.compiled.startswith("compiled in")
    assert same(state(whole), state(parted))


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
    with pytest.raises(NotCompiled, match="holds a parameter of shape .* whose gradient"):
        CompiledStep(vae, eager_step(vae, objective), (binary_data(6),))
    assert all(parameter.grad is None for parameter in vae.parameters())


@pytest.mark.usefixtures("only_traced")
def test_another_form_or_mode_is_stepped_eagerly():
    vae = tiny_vae(batch_norm=True).train()
    compiled = CompiledStep(vae, eager_step(vae, ELBO()), (binary_data(6),))
    assert compiled.fits((binary_data(6, seed=1),))
    assert not compiled.fits((binary_data(5),))
    assert not compiled.fits((binary_data(6).double(),))
    assert not compiled.fits((torch.empty(4, 6).t(),))
    next(vae.parameters()).requires_grad_(False)
    assert not compiled.fits((binary_data(6),))
    next(vae.parameters()).requires_grad_(True)
    vae.eval()
    assert not compiled.fits((binary_data(6),))


# One's own loop.


def adam(parameters):
    return torch.optim.Adam(parameters, lr=1e-2, fused=True)


def test_compiled_svi_follows_pyros_svi():
    # The same sum over the batch and the same Adam: Pyro's SVI takes the same steps.
    x = binary_data(24).split(6)
    ours, pyros = tiny_vae(), tiny_vae()
    svi = CompiledSVI(ours.model, ours.guide, adam, loss=ELBO())
    torch.manual_seed(1)
    losses = [svi.step(batch) for _ in range(3) for batch in x]
    assert svi.compiled
    assert losses[-1].shape == ()
    # Pyro's guess of the nesting would draw once more.
    elbo = pyro.infer.Trace_ELBO(max_plate_nesting=1)
    reference = pyro.infer.SVI(pyros.model, pyros.guide, pyro.optim.Adam({"lr": 1e-2}), loss=elbo)
    torch.manual_seed(1)
    expected = [reference.step(batch) for _ in range(3) for batch in x]
    assert [loss.item() for loss in losses] == pytest.approx(expected, rel=1e-3)
    pyro.clear_param_store()
    before = state(ours)
    assert math.isfinite(svi.evaluate_loss(x[0]))
    assert same(state(ours), before)


@pytest.mark.usefixtures("only_traced")
def test_a_step_to_nan_changes_nothing():
    vae = tiny_vae()
    svi = CompiledSVI(vae.model, vae.guide, adam, loss=ELBO())
    for batch in binary_data(18).split(6):
        svi.step(batch)
    before = state(vae)
    assert svi.step(torch.full((6, 4), math.nan)).isnan()
    assert svi.compiled
    assert same(state(vae), before)
    assert svi.step(binary_data(6)).isfinite()


def test_compiled_svi_takes_the_programs_of_one_module():
    def program(x):
        pyro.sample("z", dist.Normal(0, 1))

    with pytest.raises(ValueError, match="two methods of one nn.Module"):
        CompiledSVI(program, program, adam, loss=ELBO())
    with pytest.raises(ValueError, match="two methods of one nn.Module"):
        CompiledSVI(tiny_vae().model, tiny_vae().guide, adam, loss=ELBO())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_a_captured_graph_gives_the_eager_numbers():
    losses = []
    for compile in (False, True):
        vae = tiny_vae()
        history = fit(
            vae,
            binary_data(48),
            epochs=4,
            batch_size=8,
            compile=compile,
            progress=False,
            device="cuda",
        )
        losses.append(history.column("loss"))
    assert history.compiled.startswith("compiled in")
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)
