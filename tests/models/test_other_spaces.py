"""Whole models of amounts, angles and points of hyperbolic space."""

import math

import pytest
import torch
from command_line import save_a_dot

from pyrovae import VAE, encode, evaluate, fit, load, load_data, save
from pyrovae.cli.figures import draw_figures
from pyrovae.datasets import Data, TensorSplit
from pyrovae.distributions.ball import distance
from pyrovae.explorer import Explorer
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP, Chain, CosineSine
from pyrovae.objectives import ELBO, AnalyticKLELBO
from pyrovae.posteriors import (
    GammaPosterior,
    NormalPosterior,
    RiemannianNormalPosterior,
    VonMisesPosterior,
    WrappedNormalPosterior,
)
from pyrovae.priors import (
    GammaPrior,
    NormalPrior,
    RiemannianNormalPrior,
    VonMisesPrior,
    WrappedNormalPrior,
)

SHAPE = torch.Size([1, 8, 8])
MADE = {
    "gamma": (GammaPosterior, GammaPrior),
    "angles": (VonMisesPosterior, VonMisesPrior),
    "wrapped": (WrappedNormalPosterior, WrappedNormalPrior),
    "riemannian": (RiemannianNormalPosterior, RiemannianNormalPrior),
}


def made(name, features=2):
    posterior, prior = MADE[name]
    decoder = MLP(features, [8], SHAPE)
    if name == "angles":
        decoder = Chain([CosineSine(features), MLP(2 * features, [8], SHAPE)])
    encoder = MLP(SHAPE, [8], posterior.network_shape(features))
    return VAE(prior(features), posterior(encoder), BernoulliLikelihood(decoder))


def digits():
    return load_data("digits", binarization="threshold")


@pytest.mark.parametrize("name", MADE)
def test_it_learns_and_is_reported_on(name, tmp_path):
    torch.manual_seed(0)
    model, data = made(name), digits()
    (x,) = data.train.take(300)
    before = evaluate(model, x, samples=20)
    fit(model, x, epochs=5, batch_size=50, compile=False, progress=False)
    report = evaluate(model, x, samples=20)
    assert report.elbo > before.elbo
    # No bound above the evidence: each datum's, by the same draws.
    assert report.log_likelihood.value >= report.elbo
    assert report.undefined is None
    assert not any("IMPOSSIBLE" in warning for warning in report.warnings)
    codes = encode(model, x)
    assert torch.equal(codes, model.posterior(x).mean.detach())
    save(model, tmp_path / "model.pt")
    assert torch.equal(load(tmp_path / "model.pt").encode(x), model.encode(x))
    assert model.sample(3).shape == (3, *SHAPE)


@pytest.mark.parametrize("name", ["gamma", "angles"])
def test_the_closed_form_is_what_draws_estimate(name):
    model = made(name)
    (x,) = digits().train.take(20)
    with torch.no_grad():
        drawn = ELBO(num_particles=500).loss(model.model, model.guide, x) / 20
        closed = AnalyticKLELBO(num_particles=500).loss(model.model, model.guide, x) / 20
    # Ten thousand draws of terms of a few nats.
    assert drawn == pytest.approx(closed, abs=0.3)


def test_angles_deviate_from_their_mean_direction_wherever_it_is():
    q = VonMisesPosterior(MLP(SHAPE, [], 3))
    with torch.no_grad():
        q.network.layers[-1].weight.zero_()
        q.network.layers[-1].bias.copy_(torch.tensor([-1.0, 0.0, 100.0]))  # at half a turn
    decoder = Chain([CosineSine(1), MLP(2, [], SHAPE)])
    model = VAE(VonMisesPrior(1), q, BernoulliLikelihood(decoder))
    (x,) = digits().train.take(3)
    found = encode(model, x, moments="both").std
    # A concentration of 100 is a standard deviation of 0.1, and 400 draws show it to 3.5 %.
    torch.testing.assert_close(found, torch.full((3, 1), 0.1), rtol=0.2, atol=0)


@pytest.mark.parametrize(("length", "concentration"), [(1.0, 100.0), (1.0, -30.0)])
def test_an_angle_is_active_by_its_direction_on_the_circle(length, concentration):
    q = VonMisesPosterior(MLP(SHAPE, [], 3))
    with torch.no_grad():
        # On either side of the seam by the data, or anywhere of an angle that is uniform.
        q.network.layers[-1].weight[2] = 0
        if concentration > 0:
            q.network.layers[-1].weight[:] *= torch.tensor([[0.0], [0.02], [0.0]])
        q.network.layers[-1].bias.copy_(torch.tensor([-length, 0.0, concentration]))
    decoder = Chain([CosineSine(1), MLP(2, [], SHAPE)])
    model = VAE(VonMisesPrior(1), q, BernoulliLikelihood(decoder))
    (x,) = digits().train.take(30)
    directions = encode(model, x)
    assert directions.var() > 0.01  # as numbers
    found = evaluate(model, x, samples=2)
    assert found.units == {"z": 1}
    assert found.active_units == {"z": 0}


@pytest.mark.parametrize("name", MADE)
def test_figures_and_explorer(name, tmp_path, monkeypatch):
    monkeypatch.setattr("pyrovae.cli.figures.save_figure", save_a_dot)
    model, (x, y) = made(name), digits().with_labels().train.take(60)
    data = Data(TensorSplit(x, labels=y))
    history = fit(model, x[:20], epochs=1, progress=False, compile=False)
    allowed = {"gamma": (), "angles": ("traversal", "manifold")}.get(name, ("manifold",))
    only = ("interpolation", *allowed)
    assert len(list(draw_figures(tmp_path, model, data, history, only=only))) == len(only)
    for figure in {"traversal", "manifold"} - set(allowed):
        with pytest.raises(ValueError, match=f"got {figure}, which this model"):
            next(iter(draw_figures(tmp_path, model, data, history, only=[figure])))
    explorer = Explorer(model, data)
    codes = explorer.survey.knobs["z"].make(torch.full((1, 2), 5.0))
    inside = {"wrapped": 1.0, "riemannian": 1.0}.get(name, math.inf)
    assert codes.norm() < inside


@pytest.mark.parametrize("name", [name for name in MADE if name != "gamma"])
def test_priors_of_another_kind_are_refused(name):
    posterior, prior = MADE[name]
    with pytest.raises(ValueError, match="has no meaning"):
        VAE(
            NormalPrior(2),
            posterior(MLP(SHAPE, [], posterior.network_shape(2))),
            BernoulliLikelihood(MLP(2, [], SHAPE)),
        )
    with pytest.raises(ValueError, match="has no meaning"):
        VAE(prior(2), NormalPosterior(MLP(SHAPE, [], 4)), BernoulliLikelihood(MLP(2, [], SHAPE)))


@pytest.mark.parametrize("prior", [WrappedNormalPrior, RiemannianNormalPrior])
@pytest.mark.parametrize("features", [1, 2, 20, 60, 500])
def test_a_scale_that_is_left_out_is_allowed_in_any_dimension(prior, features):
    """It is 1, or the largest that is allowed."""
    p = prior(features)
    scale = (p.scales if prior is WrappedNormalPrior else p.spread).max().item()
    assert scale <= 1.0
    if scale < 1.0:
        with pytest.raises(ValueError, match=f"in {features} dimensions"):
            prior(features, scale=1.0001 * scale)
    z = p().sample((200,))
    # Draws that reach the boundary are moved back to a distance of 12.2.
    assert (distance(torch.zeros(features).double(), z.double()) < 12.2).float().mean() > 0.99


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GammaPrior(2, concentration=0.01), "concentration: expected a number from 0.1"),
        (lambda: GammaPrior(2, rate=-1.0), "rate: expected a number from 1e-06 to 1e6, got -1"),
        (lambda: VonMisesPrior(2, concentration=-1.0), "concentration: expected a number from 0"),
        (lambda: WrappedNormalPrior(2, scale=5.0), "scale: .* reach the boundary of the ball"),
        (lambda: RiemannianNormalPrior(20, scale=1.0), "scale: .* draws in 20 dimensions"),
        (lambda: RiemannianNormalPrior(2, scale=0.0), "scale: expected a number from 0.01"),
    ],
)
def test_wrong_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
