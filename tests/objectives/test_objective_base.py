"""What every objective keeps, whatever it estimates."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import PROGRAMS, coin_vae, loss_and_gradients, normal_vae
from pyro import poutine
from pyro.infer import SVI
from torch import nn

from pyrovae import VAE, fit
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import (
    DIPELBO,
    ELBO,
    MMDELBO,
    VIMCO,
    AnalyticKLELBO,
    BetaELBO,
    CapacityELBO,
    CombinedImportanceWeightedELBO,
    DoublyReparameterizedELBO,
    FreeBitsELBO,
    ImportanceWeightedELBO,
    MultiplyImportanceWeightedELBO,
    PartiallyImportanceWeightedELBO,
    RenyiELBO,
    ReweightedWakeSleep,
    StickingTheLandingELBO,
    ThermodynamicELBO,
    TotalCorrelationELBO,
)
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior, VampPrior

OBJECTIVES = {
    "ELBO-1": lambda: ELBO(),
    "ELBO-5": lambda: ELBO(num_particles=5),
    "AnalyticKLELBO-1": lambda: AnalyticKLELBO(),
    "AnalyticKLELBO-5": lambda: AnalyticKLELBO(num_particles=5),
    "BetaELBO": lambda: BetaELBO(0.5),
    "BetaELBO-analytic": lambda: BetaELBO(0.5, elbo=AnalyticKLELBO(num_particles=2)),
    "ImportanceWeightedELBO-1": lambda: ImportanceWeightedELBO(num_particles=1),
    "ImportanceWeightedELBO-5": lambda: ImportanceWeightedELBO(num_particles=5),
    "CapacityELBO": lambda: CapacityELBO(num_particles=2),
    "FreeBitsELBO": lambda: FreeBitsELBO(free_nats=0.01),
    "FreeBitsELBO-feature": lambda: FreeBitsELBO(free_nats=0.01, per="feature", num_particles=2),
    "RenyiELBO": lambda: RenyiELBO(),
    "MultiplyImportanceWeightedELBO": lambda: MultiplyImportanceWeightedELBO(),
    "PartiallyImportanceWeightedELBO": lambda: PartiallyImportanceWeightedELBO(),
    "CombinedImportanceWeightedELBO": lambda: CombinedImportanceWeightedELBO(),
    "StickingTheLandingELBO-1": lambda: StickingTheLandingELBO(),
    "StickingTheLandingELBO-3": lambda: StickingTheLandingELBO(num_particles=3),
    "DoublyReparameterizedELBO": lambda: DoublyReparameterizedELBO(),
    "ReweightedWakeSleep": lambda: ReweightedWakeSleep(),
    "VIMCO": lambda: VIMCO(),
    "ThermodynamicELBO": lambda: ThermodynamicELBO(),
    "TotalCorrelationELBO-1": lambda: TotalCorrelationELBO(data_size=50),
    "TotalCorrelationELBO-3": lambda: TotalCorrelationELBO(
        data_size=50, estimator="weighted", num_particles=3
    ),
    "DIPELBO-I": lambda: DIPELBO(kind="I"),
    "DIPELBO-II": lambda: DIPELBO(num_particles=3),
    "MMDELBO-1": lambda: MMDELBO(kl_weight=0.5, kernel="rbf"),
    "MMDELBO-3": lambda: MMDELBO(num_particles=3),
}
over_objectives = pytest.mark.parametrize("name", OBJECTIVES)
NOT_REPARAMETERISED = "is not reparameterised"
SEVERAL = "expected one latent site, whose aggregate posterior is meant, got 'c', 'z'"
MASKED = "expected one latent site, whose aggregate posterior is meant, got 'z', 'coin'"
# Which programs an objective refuses, and what it says.
REFUSED = {
    "StickingTheLandingELBO": dict.fromkeys(["coin_vae", "mixed", "masked"], NOT_REPARAMETERISED),
    "FreeBitsELBO-feature": {"mixture_vae": "does not factorise over its features"},
    "TotalCorrelationELBO": {
        "mixture_vae": "site 'z': .* does not factorise over its features",
        "mixed": SEVERAL,
        "masked": MASKED,
    },
    "DIPELBO": {"mixed": SEVERAL, "masked": MASKED},
    "MMDELBO": {
        "coin_vae": NOT_REPARAMETERISED,
        "mixture_vae": r"site 'z': the prior's draws \(.*\) are not differentiable",
        "mixed": SEVERAL,
        "masked": MASKED,
    },
}
REFUSED["DoublyReparameterizedELBO"] = REFUSED["StickingTheLandingELBO"]
REFUSED["PartiallyImportanceWeightedELBO"] = REFUSED["StickingTheLandingELBO"]


def refusal(name, program):
    return REFUSED.get(name, REFUSED.get(name.split("-")[0], {})).get(program)


ACCEPTED = [
    pytest.param(name, program, id=f"{name}-{program}")
    for name in OBJECTIVES
    for program in ("normal_vae", "mixture_vae", "coin_vae", "mixed", "masked")
    if refusal(name, program) is None
]


@over_objectives
@pytest.mark.parametrize("program", ["coin_vae", "mixture_vae", "mixed", "masked"])
def test_what_it_cannot_be_used_with_is_refused_in_words(name, program):
    model, guide, x = PROGRAMS[program]()
    words = refusal(name, program)
    if words is None:
        assert OBJECTIVES[name]().differentiable_loss(model, guide, x).isfinite()
    else:
        with pytest.raises(ValueError, match=words):
            OBJECTIVES[name]().differentiable_loss(model, guide, x)


GLOBAL = [name for name in OBJECTIVES if name[:4] not in ("ELBO", "Anal", "Beta")]


@pytest.mark.parametrize("name", GLOBAL)
def test_a_global_latent_has_no_bound_for_each_datum(name):
    def model(x):
        slope = pyro.sample("slope", dist.Normal(0.0, 2.0))
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("x", dist.Normal(slope, 1.0), obs=x)

    def guide(x):
        pyro.sample("slope", dist.Normal(pyro.param("m", torch.tensor(0.5)), 1.0))

    with pytest.raises(ValueError, match=r"site 'slope' is outside the data's plate \(dim -1\)"):
        OBJECTIVES[name]().loss(model, guide, torch.randn(4))


@pytest.mark.parametrize(("name", "program"), [v for v in ACCEPTED if "_vae" in v.values[1]])
def test_differentiable_loss_has_the_value_of_loss_and_the_gradient_of_loss_and_grads(
    name, program
):
    objective = OBJECTIVES[name]()
    model, guide, x = PROGRAMS[program]()
    torch.manual_seed(3)
    value = objective.loss(model, guide, x)
    assert isinstance(value, float)
    loss, expected = loss_and_gradients(objective, model, guide, x, seed=3)
    torch.manual_seed(3)
    differentiable = objective.differentiable_loss(model, guide, x)
    assert differentiable.shape == ()
    assert loss == pytest.approx(value, rel=1e-6)
    assert differentiable.item() == pytest.approx(value, rel=1e-6)
    differentiable.backward()
    store = dict(pyro.get_param_store().named_parameters())
    for parameter, gradient in expected.items():
        torch.testing.assert_close(store[parameter].grad, gradient)


@over_objectives
def test_loss_leaves_gradients_and_graph_alone(name):
    model, guide, x = normal_vae()
    graphs = []

    def watched(x):
        graphs.append(torch.is_grad_enabled())
        return model(x)

    OBJECTIVES[name]().loss(watched, guide, x)
    assert graphs == [False]
    assert all(p.grad is None for _, p in pyro.get_param_store().named_parameters())


@over_objectives
def test_gradients_are_added_to_those_that_are_there(name):
    objective = OBJECTIVES[name]()
    model, guide, x = normal_vae()
    _, once = loss_and_gradients(objective, model, guide, x)
    for _ in range(2):
        torch.manual_seed(3)
        objective.loss_and_grads(model, guide, x)
    for parameter, p in pyro.get_param_store().named_parameters():
        torch.testing.assert_close(p.grad, 2 * once[parameter])


WAITS = ["item", "__float__", "__int__", "__bool__", "__index__", "tolist", "cpu", "numpy"]


@pytest.mark.parametrize(("name", "program"), ACCEPTED)
def test_differentiable_loss_does_not_wait_for_the_device(name, program, monkeypatch):
    objective = OBJECTIVES[name]()
    model, guide, x = PROGRAMS[program]()
    # Validation looks at values, and a plain program's first run makes its parameters.
    with pyro.validation_enabled(False):
        objective.differentiable_loss(model, guide, x)
        for method in WAITS:

            def wait(*args, method=method, **kwargs):
                raise AssertionError(f"the loss waits for the device: Tensor.{method}")

            monkeypatch.setattr(torch.Tensor, method, wait)
        loss = objective.differentiable_loss(model, guide, x)
        monkeypatch.undo()
    assert loss.isfinite()


@pytest.mark.parametrize("n", [0, -1])
@pytest.mark.parametrize("cls", [ELBO, AnalyticKLELBO, ImportanceWeightedELBO])
def test_no_particles_are_refused(cls, n):
    with pytest.raises(ValueError, match=f"num_particles: expected at least 1, got {n}"):
        cls(num_particles=n)


@over_objectives
def test_a_guide_marked_for_enumeration_is_warned_of(name):
    """Only TraceEnum_ELBO sums it out; here it would be drawn, silently."""
    model, guide, x = normal_vae() if refusal(name, "coin_vae") else coin_vae()
    marked = poutine.infer_config(guide, lambda site: {"enumerate": "parallel"})
    with pytest.warns(UserWarning, match="you need to use TraceEnum_ELBO instead"):
        OBJECTIVES[name]().loss(model, marked, x)


@over_objectives
def test_guide_and_model_run_once(name):
    model, guide, x = normal_vae()
    runs = []

    def counted(which, program):
        def run(*args):
            runs.append(which)
            return program(*args)

        return run

    objective = OBJECTIVES[name]()
    for method in (objective.loss, objective.differentiable_loss, objective.loss_and_grads):
        runs.clear()
        method(counted("model", model), counted("guide", guide), x)
        assert runs == ["guide", "model"]


def noisy_vae(vamp):
    """Batch normalisation and dropout everywhere."""
    options = {"batch_norm": True, "dropout": 0.3}
    posterior = NormalPosterior(MLP((1, 2, 3), [4], 6, **options))
    x = torch.rand(8, 1, 2, 3)
    prior = VampPrior(posterior, pseudo_inputs=x[:4]) if vamp else NormalPrior(3)
    return VAE(prior, posterior, BernoulliLikelihood(MLP(3, [4], (1, 2, 3), **options))), x


# A VampPrior neither factorises nor has draws with a gradient.
NOISY = [
    (name, vamp)
    for name in OBJECTIVES
    for vamp in (False, True)
    if not vamp or name[:3] != "MMD" and "feature" not in name
]


@pytest.mark.parametrize(("name", "vamp"), NOISY)
def test_one_dropout_mask_and_one_move_of_batch_norm_a_step(name, vamp):
    vae, x = noisy_vae(vamp)
    masks = []
    for part, module in vae.named_modules():
        if isinstance(module, nn.Dropout):
            module.register_forward_hook(
                lambda module, *_, part=part: masks.append(part) if module.training else None
            )
    OBJECTIVES[name]().loss_and_grads(vae.model, vae.guide, x)
    assert len(masks) == len(set(masks)) == 2
    moves = [m.num_batches_tracked.item() for m in vae.modules() if isinstance(m, nn.BatchNorm1d)]
    assert moves == [1, 1]


@over_objectives
def test_each_step_draws_anew(name):
    model, guide, x = normal_vae()
    objective = OBJECTIVES[name]()
    assert objective.loss(model, guide, x) != objective.loss(model, guide, x)


@over_objectives
def test_frozen_parameters_get_no_gradient(name):
    vae, x = noisy_vae(vamp=False)
    vae.likelihood.requires_grad_(False)
    OBJECTIVES[name]().loss_and_grads(vae.model, vae.guide, x)
    assert all(p.grad is None for p in vae.likelihood.parameters())
    assert all(p.grad is not None for p in vae.posterior.parameters())


@over_objectives
def test_without_any_parameter_there_is_a_loss_and_nothing_to_learn(name):
    vae, x = noisy_vae(vamp=False)
    vae.requires_grad_(False)
    assert OBJECTIVES[name]().loss_and_grads(vae.model, vae.guide, x).isfinite()


@over_objectives
def test_learns_in_plain_svi_and_in_fit(name):
    for train in ("svi", "fit"):
        vae, x = noisy_vae(vamp=False)
        before = {n: p.detach().clone() for n, p in vae.named_parameters()}
        objective = OBJECTIVES[name]()
        if train == "svi":
            SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.01}), loss=objective).step(x)
        else:
            history = fit(vae, x, objective=objective, epochs=2, batch_size=4, progress=False)
            assert all(math.isfinite(row["loss"]) for row in history)
        assert not any(torch.equal(p, before[n]) for n, p in vae.named_parameters())
