"""Several layers of latents where all is linear and normal, so that the evidence is known."""

import pytest
import torch
import two_layers
from pyro.infer import TraceMeanField_ELBO
from two_layers import BOTH, bottom_up, ladder, log_evidence

from pyrovae import evaluate
from pyrovae.objectives import (
    ELBO,
    VIMCO,
    AnalyticKLELBO,
    CombinedImportanceWeightedELBO,
    DoublyReparameterizedELBO,
    ImportanceWeightedELBO,
    MultiplyImportanceWeightedELBO,
    PartiallyImportanceWeightedELBO,
    RenyiELBO,
    ReweightedWakeSleep,
    StickingTheLandingELBO,
    ThermodynamicELBO,
)

both = pytest.mark.parametrize("make", BOTH.values(), ids=list(BOTH))

OBJECTIVES = [
    ELBO(),
    ImportanceWeightedELBO(num_particles=3),
    RenyiELBO(alpha=0.5, num_particles=3),
    MultiplyImportanceWeightedELBO(num_particles=4),
    PartiallyImportanceWeightedELBO(num_particles=4),
    CombinedImportanceWeightedELBO(num_particles=3),
    StickingTheLandingELBO(num_particles=2),
    DoublyReparameterizedELBO(num_particles=3),
    ReweightedWakeSleep(num_particles=3),
    VIMCO(num_particles=3),
    ThermodynamicELBO(num_particles=3),
]


def gradients(objective, model, x):
    loss = objective.differentiable_loss(model.model, model.guide, x)
    parameters = dict(model.named_parameters())
    found = torch.autograd.grad(loss, list(parameters.values()), materialize_grads=True)
    return dict(zip(parameters, found, strict=True))


@both
@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_at_the_exact_posterior_every_draw_is_the_evidence(make, objective):
    model, x = make(), two_layers.data()
    loss = objective.loss(model.model, model.guide, x)
    # Up to the rounding of float64.
    assert loss == pytest.approx(-log_evidence(x).sum().item(), rel=1e-9)


@both
@pytest.mark.parametrize("cls", [StickingTheLandingELBO, DoublyReparameterizedELBO])
def test_at_the_exact_posterior_path_gradients_of_the_guide_vanish(make, cls):
    model, x = make(), two_layers.data()
    found = gradients(cls(num_particles=2), model, x)
    for name, gradient in found.items():
        if name.startswith(("posteriors", "encoders")):
            torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-8, rtol=0)
    assert found["likelihood.network.layers.0.weight"].norm() > 0.1


@both
def test_bounds_and_estimate_of_a_poor_guide(make):
    model, x = make(wider=1.3), two_layers.data()
    exact = log_evidence(x).mean().item()
    report = evaluate(model, x, samples=4000)
    estimate = report.log_likelihood
    assert report.elbo < exact - 0.05
    # Five errors; the bias, half the relative variance, is far below one.
    assert abs(estimate.value - exact) < 5 * estimate.mc_se
    assert estimate.mc_se < 0.01
    assert report.units == {"z1": 3, "z2": 2}


def repeated(objective, model, x, repeats=40, copies=50):
    """Draws of a bound and of its gradient, a row each, in nats for each copy."""
    many = x.repeat(copies, 1)
    rows = []
    for _ in range(repeats):
        loss = objective.differentiable_loss(model.model, model.guide, many)
        found = torch.autograd.grad(loss, list(model.parameters()))
        rows.append(torch.cat([loss.detach().view(1), *(g.flatten() for g in found)]) / copies)
    return torch.stack(rows)


@both
@pytest.mark.parametrize(
    ("objective", "other"),
    [
        (AnalyticKLELBO(num_particles=2), ELBO(num_particles=2)),
        (DoublyReparameterizedELBO(num_particles=2), ImportanceWeightedELBO(num_particles=2)),
    ],
    ids=["analytic", "doubly reparameterised"],
)
def test_estimators_of_one_bound_agree_in_expectation(make, objective, other):
    """In the ladder, parameters of the model are parameters of the guide, too."""
    model, x = make(wider=1.3), two_layers.data(2)
    a, b = repeated(objective, model, x), repeated(other, model, x)
    error = (a.var(0) + b.var(0)).sqrt() / len(a) ** 0.5
    # Some 100 numbers: five errors, and a floor for those that are 0 up to rounding.
    assert ((a.mean(0) - b.mean(0)).abs() < 5 * error + 1e-9).all()
    assert error[0] < 0.1


def test_pyros_closed_form_is_another_bound_for_a_guide_from_the_bottom_up():
    model, x = bottom_up(wider=1.3), two_layers.data(2).repeat(2000, 1)
    with pytest.warns(UserWarning, match="Failed to verify mean field restriction"):
        pyros = TraceMeanField_ELBO().loss(model.model, model.guide, x) / 2000
    ours = AnalyticKLELBO().loss(model.model, model.guide, x) / 2000
    # Far above the errors, which are some 0.1 for the two data together.
    assert abs(pyros - ours) > 0.5


def test_ladder_takes_both_closed_forms():
    model, x = ladder(wider=1.3), two_layers.data()
    torch.manual_seed(1)
    pyros = TraceMeanField_ELBO().loss(model.model, model.guide, x)
    torch.manual_seed(1)
    assert AnalyticKLELBO().loss(model.model, model.guide, x) == pytest.approx(pyros, rel=1e-10)


def test_decode_draws_the_latents_that_are_left_out():
    model = bottom_up()
    top = torch.tensor([[1.0, -2.0]]).double().expand(20_000, -1)
    means = model.decode({"z2": top}).mean
    # x = B z1 + b with z1 ~ N(A z2 + a, s1^2 I).
    expected = two_layers.B @ (two_layers.A @ top[0] + two_layers.SMALL_A) + two_layers.SMALL_B
    covariance = two_layers.S1**2 * two_layers.B @ two_layers.B.mT
    torch.testing.assert_close(means.mean(0), expected, atol=0.05, rtol=0)
    torch.testing.assert_close(means.mT.cov(), covariance, atol=0.05, rtol=0)
