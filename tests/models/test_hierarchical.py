"""Several layers of latents: exact answers where all is linear and normal, and every query."""

import pyro
import pytest
import torch
import two_layers
from pyro.infer import SVI, Trace_ELBO, TraceMeanField_ELBO
from torch.distributions import kl_divergence
from two_layers import BOTH, bottom_up, ladder, log_evidence

from pyrovae import evaluate, fit, load, plots, save
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import HierarchicalVAE, LadderVAE
from pyrovae.nn import MLP, Chain
from pyrovae.objectives import (
    ELBO,
    VIMCO,
    AnalyticKLELBO,
    CombinedImportanceWeightedELBO,
    DoublyReparameterizedELBO,
    EnumeratedELBO,
    ImportanceWeightedELBO,
    MultiplyImportanceWeightedELBO,
    PartiallyImportanceWeightedELBO,
    RenyiELBO,
    ReweightedWakeSleep,
    StickingTheLandingELBO,
    ThermodynamicELBO,
)
from pyrovae.posteriors import (
    CategoricalPosterior,
    IAFPosterior,
    LowRankNormalPosterior,
    NormalPosterior,
    PlanarPosterior,
    PowerSphericalPosterior,
)
from pyrovae.priors import CategoricalPrior, FlowPrior, MixturePrior, NormalPrior, VampPrior

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


D = (1, 4, 3)


def binary(n=40):
    return torch.rand(n, *D, generator=torch.Generator().manual_seed(1)).round()


def layers(prior=None, *, top=None):
    """A guide that goes up three layers, of 5, 4 and 3 variables."""
    q = [NormalPosterior(MLP(D, [6], 10)), NormalPosterior(MLP(5, [6], 8))]
    q.append(top or NormalPosterior(MLP(4, [6], 6)))
    return HierarchicalVAE(
        prior(q[-1]) if prior else NormalPrior(3),
        q,
        BernoulliLikelihood(MLP(5, [6], D)),
        conditional_priors=[
            NormalPosterior(MLP(4, [6], 10)),
            LowRankNormalPosterior(MLP(3, [6], 16)),
        ],
    )


def rungs(prior=None, *, top=None):
    """A guide that comes down two layers, of 4 and 3 variables."""
    encoders = [MLP(D, [6], 5, batch_norm=True), MLP(5, [], (2, 3))]
    q = [NormalPosterior(MLP(5, [], 8)), top or NormalPosterior(MLP((2, 3), [], 6))]
    whole = NormalPosterior(Chain([*encoders, q[-1].network])) if prior else None
    return LadderVAE(
        prior(whole) if prior else NormalPrior(3),
        q,
        BernoulliLikelihood(MLP(4, [6], D)),
        conditional_priors=[NormalPosterior(MLP(3, [6], 8))],
        encoders=encoders,
    )


def vamp_of_latents(q):
    return VampPrior(q, pseudo_inputs=torch.randn(6, 4), components=5)


def vamp_of_data(q):
    return VampPrior(q, pseudo_inputs=binary(), components=5)


MODELS = {
    "bottom-up": layers,
    "bottom-up-mixture": lambda: layers(lambda q: MixturePrior(3, components=2)),
    "bottom-up-vamp": lambda: layers(vamp_of_latents),
    "ladder": rungs,
    "ladder-flow": lambda: rungs(lambda q: FlowPrior(3, transforms=1, hidden=(4,))),
    "ladder-vamp": lambda: rungs(vamp_of_data),
    "ladder-iaf": lambda: rungs(
        top=IAFPosterior(MLP((2, 3), [], 8), context_features=2, hidden=(4,))
    ),
}
over_models = pytest.mark.parametrize("make", MODELS.values(), ids=list(MODELS))


@pytest.mark.filterwarnings("ignore:.*has no mean in closed form")
@over_models
def test_trains_every_part_and_reports(make):
    model, x = make(), binary()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    first = evaluate(model, x, samples=20).elbo
    adam = lambda parameters: torch.optim.Adam(parameters, lr=0.02)
    fit(model, x, objective=ELBO(), epochs=20, batch_size=20, optimizer=adam, progress=False)
    assert evaluate(model, x, samples=20).elbo > first + 0.2
    for name, value in model.named_parameters():
        assert not torch.equal(value, before[name]), name


def test_trains_under_plain_pyro():
    model, x = rungs(vamp_of_data), binary()
    svi = SVI(model.model, model.guide, pyro.optim.Adam({"lr": 0.02}), loss=Trace_ELBO())
    first = svi.evaluate_loss(x)
    for _ in range(60):
        svi.step(x)
    assert svi.evaluate_loss(x) < first - 10


@pytest.mark.filterwarnings("ignore:.*has no mean in closed form")
@over_models
def test_queries_and_files(make, tmp_path):
    model, x = make(), binary(6)
    codes = model.encode(x)
    assert set(codes) == {f"z{i + 1}" for i in range(len(model.posteriors))}
    assert all(codes[f"z{i}"].shape == (6, *q.latent_shape) for i, q in parts(model))
    assert model.decode(codes).event_shape == D
    assert model.reconstruct(x).shape == model.sample(6).shape == (6, *D)
    with pytest.raises(ValueError, match=r"expected a dict with latents of \['z"):
        model.decode(codes["z1"])
    save(model, tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt")
    torch.testing.assert_close(loaded.decode(codes).mean, model.decode(codes).mean)
    torch.manual_seed(1)
    expected = model.sample(6)
    torch.manual_seed(1)
    torch.testing.assert_close(loaded.sample(6), expected)


def parts(model):
    return enumerate(model.posteriors, 1)


def test_decode_draws_the_latents_that_are_left_out():
    model = bottom_up()
    top = torch.tensor([[1.0, -2.0]]).double().expand(20_000, -1)
    means = model.decode({"z2": top}).mean
    # x = B z1 + b with z1 ~ N(A z2 + a, s1^2 I).
    expected = two_layers.B @ (two_layers.A @ top[0] + two_layers.SMALL_A) + two_layers.SMALL_B
    covariance = two_layers.S1**2 * two_layers.B @ two_layers.B.mT
    torch.testing.assert_close(means.mean(0), expected, atol=0.05, rtol=0)
    torch.testing.assert_close(means.mT.cov(), covariance, atol=0.05, rtol=0)


def test_vamp_prior_shares_the_encoders_of_a_ladder():
    model = rungs(vamp_of_data)
    whole = model.prior.posterior.network
    assert list(whole.networks[:2]) == list(model.encoders)
    p, q = model.prior(), model.eval().posteriors[-1]
    up = model.encoders[1](model.encoders[0](model.prior.pseudo_inputs))
    torch.testing.assert_close(p.component_distribution.mean, q(up).mean)


def test_a_category_on_top_is_summed_out():
    """p(z2) p(z1|z2) with z2 one of three: a mixture model under the latents of a VAE."""
    q = [NormalPosterior(MLP(D, [6], 8)), CategoricalPosterior(MLP(4, [6], 3))]
    over = NormalPosterior(MLP(3, [6], 8))
    model = HierarchicalVAE(
        CategoricalPrior(3, learned=True),
        q,
        BernoulliLikelihood(MLP(4, [6], D)),
        conditional_priors=[over],
    )
    x = binary(5)
    torch.manual_seed(1)
    found = -EnumeratedELBO().loss(model.model, model.guide, x)
    torch.manual_seed(1)
    z1 = q[0](x).rsample()
    weights = q[1](z1).probs
    priors = torch.stack([over(z2).log_prob(z1) for z2 in torch.eye(3)], -1)
    expected = (weights * priors).sum() - kl_divergence(q[1](z1), model.prior()).sum()
    expected += (model.likelihood(z1).log_prob(x) - q[0](x).log_prob(z1)).sum()
    assert found == pytest.approx(expected.item(), rel=1e-5)


def test_figures_take_the_name_of_a_latent():
    model, x = layers(), binary(12)
    for draw in (plots.latent_scatter, plots.traversal):
        with pytest.raises(
            ValueError, match=r"site must be one of \['z1', 'z2', 'z3'\], got None"
        ):
            draw(model, x)
        assert draw(model, x, site="z2").axes
    assert plots.interpolation(model, x[:2], x[2:4], site="z3").axes
    assert plots.reconstructions(model, x).axes
    assert plots.samples(model).axes


Z = NormalPosterior(MLP(3, [], 4))  # from 3 numbers to 2
WRONG = {
    "a layer too many": (
        lambda: HierarchicalVAE(
            NormalPrior(2), [Z], BernoulliLikelihood(MLP(2, [], 3)), conditional_priors=[Z]
        ),
        "got 1 posteriors and 1 conditional priors",
    ),
    "prior": (
        lambda: two(NormalPrior(5)),
        r"different shapes of one z2: posterior \(3,\), prior \(5,\), layer below \(3,\)",
    ),
    "likelihood": (
        lambda: two(likelihood=BernoulliLikelihood(MLP(5, [], 4))),
        r"of one z1: posterior \(2,\), prior \(2,\), layer below \(5,\)",
    ),
    "data": (
        lambda: two(likelihood=BernoulliLikelihood(MLP(2, [], 5))),
        r"of one datum: posterior of z1 \(4,\), likelihood \(5,\)",
    ),
    "guide": (
        lambda: two(above=NormalPosterior(MLP(5, [], 6))),
        r"of one z1: its posterior \(2,\), the next one \(5,\)",
    ),
    "kind": (
        lambda: two(over=PowerSphericalPosterior(MLP(3, [], 3))),
        "z1': the posterior has a density over volumes .* and the prior one over the unit sphere",
    ),
    "density": (
        lambda: two(over=PlanarPosterior(MLP(3, [], 9), transforms=1)),
        "conditional_priors: .* PlanarPosterior knows the density of its own draws alone",
    ),
    "number of encoders": (lambda: up([MLP(4, [], 3)]), "one for each of 2 posteriors, got 1"),
    "first encoder": (
        lambda: up([MLP(5, [], 3), MLP(3, [], 3)]),
        r"of one datum: encoder of z1 \(5,\), likelihood \(4,\)",
    ),
    "second encoder": (
        lambda: up([MLP(4, [], 3), MLP(2, [], 3)]),
        r"of one output of the encoder of z1: encoder \(3,\), the next one \(2,\)",
    ),
    "an encoder's posterior": (
        lambda: up([MLP(4, [], 3), MLP(3, [], 2)]),
        r"of one output of the encoder of z2: encoder \(2,\), posterior \(3,\)",
    ),
    "no network": (
        lambda: up([MLP(4, [], 3), torch.nn.Linear(3, 3)]),
        "expected a pyrovae.nn.Network, which declares its shapes, got Linear",
    ),
}


def two(prior=None, *, above=None, likelihood=None, over=None):
    """Layers of 2 and 3 variables, over 4."""
    return HierarchicalVAE(
        prior or NormalPrior(3),
        [NormalPosterior(MLP(4, [], 4)), above or NormalPosterior(MLP(2, [], 6))],
        likelihood or BernoulliLikelihood(MLP(2, [], 4)),
        conditional_priors=[over or NormalPosterior(MLP(3, [], 4))],
    )


def up(encoders):
    return LadderVAE(
        NormalPrior(3),
        [NormalPosterior(MLP(3, [], 4)), NormalPosterior(MLP(3, [], 6))],
        BernoulliLikelihood(MLP(2, [], 4)),
        conditional_priors=[NormalPosterior(MLP(3, [], 4))],
        encoders=encoders,
    )


@pytest.mark.parametrize("wrong", WRONG.values(), ids=list(WRONG))
def test_parts_that_do_not_fit(wrong):
    make, said = wrong
    with pytest.raises(ValueError, match=said):
        make()


def test_ladder_refuses_a_layer_that_is_no_diagonal_normal():
    model = LadderVAE(
        NormalPrior(3),
        [LowRankNormalPosterior(MLP(4, [], 8)), NormalPosterior(MLP(4, [], 6))],
        BernoulliLikelihood(MLP(2, [], 4)),
        conditional_priors=[NormalPosterior(MLP(3, [], 4))],
        encoders=[MLP(4, [], 4), MLP(4, [], 4)],
    )
    with pytest.raises(ValueError, match="normals of independent variables.*got LowRank"):
        model.encode(torch.rand(2, 4))
