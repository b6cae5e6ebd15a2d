"""Deep hierarchies: against closed forms of linear ones, and by hand."""

from functools import partial

import linear_hierarchy
import pyro
import pytest
import torch
from hierarchies import MAKERS, dense, images, narrow, small
from linear_hierarchy import LAYERS, PATH, D, linear, log_evidence, make, make_exact
from pyro import poutine
from pyro.infer import Trace_ELBO, TraceMeanField_ELBO
from registry import DATA
from stepping import agree
from torch.distributions import kl_divergence

from pyrovae import evaluate, fit, load, save
from pyrovae.evaluation import log_likelihood
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import ResidualNormalBlock, TopDownBlock, TopDownLayer, TopDownVAE
from pyrovae.nn import MLP
from pyrovae.objectives import (
    ELBO,
    AnalyticKLELBO,
    DoublyReparameterizedELBO,
    FreeBitsELBO,
    ImportanceWeightedELBO,
    StickingTheLandingELBO,
)
from pyrovae.posteriors import NormalPosterior, PlanarPosterior

KINDS = ["free", "relative"]
NAMES = [f"z{i}" for i in range(1, LAYERS + 1)]


@pytest.mark.parametrize(
    "objective",
    [
        ELBO(num_particles=2),
        AnalyticKLELBO(),
        ImportanceWeightedELBO(num_particles=3),
        StickingTheLandingELBO(),
        DoublyReparameterizedELBO(num_particles=3),
        Trace_ELBO(),
        # Its condition holds: the guide draws in the order of the model.
        TraceMeanField_ELBO(),
    ],
    ids=lambda objective: type(objective).__name__,
)
def test_at_the_exact_posterior_a_bound_is_the_evidence(objective):
    model, x = make_exact(), linear_hierarchy.data()
    expected = -log_evidence(model, x).sum().item()
    if isinstance(objective, AnalyticKLELBO | TraceMeanField_ELBO):
        # Each datum ten times: as many draws as of ten times as many losses.
        many = x.repeat(10, 1)
        losses = torch.tensor([objective.loss(model.model, model.guide, many) for _ in range(40)])
        error = losses.std() / 40**0.5  # of the mean of so many
        assert abs(losses.mean() - 10 * expected) < 5 * error
    else:
        # Every draw: up to the rounding of float64.
        assert objective.loss(model.model, model.guide, x) == pytest.approx(expected, rel=1e-9)


def test_importance_sampling_finds_the_evidence():
    """With wider posteriors than the exact ones, whose weights have a finite variance."""
    model, x = make_exact(wider=1.3), linear_hierarchy.data(3)
    found = log_likelihood(model, x, samples=5_000, seed=1)
    expected = log_evidence(model, x).mean().item()
    # Five standard errors, and what a logarithm of a mean is lower, half a squared error.
    assert abs(found.value - expected) < 5 * found.mc_se + found.mc_se**2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", MAKERS)
def test_the_terms_are_those_computed_by_hand(make, kind):
    model, x = make(kind).double(), images().double()
    torch.manual_seed(3)
    found = AnalyticKLELBO().loss(model.model, model.guide, x)
    torch.manual_seed(3)
    said, features = {}, x
    for encoder in model.encoders:
        features = encoder(features)
        said[features.shape[1:]] = features
    h, expected = model.start.expand(len(x), *model.start.shape), 0.0
    for block in reversed(model.blocks):
        p, q = block.prior_at(h), block.posterior_at(h, said[block.features_shape])
        expected = expected + kl_divergence(q, p).sum()
        z = q.rsample()
        merged = block.merge(torch.cat([h, z], 1))
        h = h + merged if merged.shape == h.shape else merged
    expected = expected - model.likelihood(h).log_prob(x).sum()
    assert found == pytest.approx(expected.item(), rel=1e-9)


def test_samples_go_down_the_path_of_the_priors():
    model = small().eval()
    torch.manual_seed(4)
    found = model.sample(3)
    torch.manual_seed(4)
    h, latents = model.start.expand(3, *model.start.shape), {}
    with torch.no_grad():
        for i, block in zip(range(4, 0, -1), reversed(model.blocks), strict=True):
            latents[f"z{i}"] = block.prior_at(h).sample()
            h = block(h, latents[f"z{i}"])
        torch.testing.assert_close(found, model.likelihood(h).mean)
    # And the same latents, given: nothing of the path is drawn elsewhere.
    torch.testing.assert_close(model.decode(latents).mean, found)


def test_where_the_data_say_nothing_the_posterior_is_the_prior():
    block = ResidualNormalBlock(
        NormalPosterior(linear(PATH, 4)), linear(PATH + 2, 4), linear(PATH + 2, PATH)
    ).double()
    h, d = torch.randn(6, PATH).double(), torch.randn(6, 2).double()
    with torch.no_grad():
        block.network.layers[0].weight.zero_()
        block.network.layers[0].bias.zero_()
    p, q = block.prior_at(h), block.posterior_at(h, d)
    torch.testing.assert_close(q.mean, p.mean)
    torch.testing.assert_close(q.stddev, p.stddev)


def test_the_kl_of_a_residual_normal_does_not_depend_on_the_prior():
    block = ResidualNormalBlock(
        NormalPosterior(linear(PATH, 4)), linear(PATH + 2, 4), linear(PATH + 2, PATH)
    ).double()
    h, d = torch.randn(6, PATH).double(), torch.randn(6, 2).double()
    numbers = 10 * (block.network(torch.cat([h, d], 1)) / 10).tanh()  # bounded
    shift, raw = numbers.chunk(2, 1)
    ratio = torch.nn.functional.softplus(raw + torch.tensor(torch.e).double().sub(1).log())
    expected = 0.5 * (shift**2 + ratio**2 - 2 * ratio.log() - 1).sum(1)
    found = kl_divergence(block.posterior_at(h, d), block.prior_at(h))
    torch.testing.assert_close(found, expected)


def test_a_residual_posterior_stays_within_ten_standard_deviations_of_its_prior():
    block = ResidualNormalBlock(
        NormalPosterior(linear(PATH, 4)), linear(PATH + 2, 4), linear(PATH + 2, PATH)
    ).double()
    h, d = torch.randn(6, PATH).double(), 1e10 * torch.randn(6, 2).double()
    p, q = block.prior_at(h), block.posterior_at(h, d)
    assert ((q.mean - p.mean) / p.stddev).abs().max() < 10.01  # rounding
    assert (q.stddev / p.stddev).max() < 11
    assert (q.stddev / p.stddev).min() > 1e-5  # softplus(-10) is 4.5e-5
    assert kl_divergence(q, p).max() < 2 * (0.5 * (10.01**2 + 11**2) + 11)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", MAKERS)
def test_every_parameter_learns(make, kind):
    model = make(kind)
    ELBO().loss_and_grads(model.model, model.guide, images())
    assert [name for name, p in model.named_parameters() if not p.grad.any()] == []


def test_each_layer_has_its_free_nats():
    model, x = small(), images()
    nats = 1e6  # more than any layer has: no KL moves anything
    bound = FreeBitsELBO(free_nats=nats).loss(model.model, model.guide, x)
    torch.manual_seed(0)
    trace = poutine.trace(model.guide).get_trace(x)
    replayed = poutine.trace(poutine.replay(model.model, trace)).get_trace(x)
    replayed.compute_log_prob()
    torch.manual_seed(0)
    bound = FreeBitsELBO(free_nats=nats).loss(model.model, model.guide, x)
    expected = 4 * nats * len(x) - replayed.nodes["x"]["log_prob"].sum().item()
    assert bound == pytest.approx(expected, rel=1e-6)


def test_a_model_is_trained_measured_saved_and_explored(tmp_path):
    from pyrovae.datasets import Data, TensorSplit
    from pyrovae.explorer import Explorer

    model, x = small(), images(20)
    fit(model, x, epochs=1, batch_size=10, compile=False, progress=False)
    report = evaluate(model, x, samples=3)
    assert set(report.active_units) == set(NAMES)
    save(model, tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt")
    codes = model.encode(x)
    assert codes["z4"].shape == (20, 2, *((n + 1) // 2 for n in DATA[1:]))
    for name, code in loaded.encode(x).items():
        assert torch.equal(code, codes[name])
    assert Explorer(model, Data(TensorSplit(x))).sample(1)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (partial(small, checkpointing=True), "relative"),
        (narrow, "free"),
        (dense, "relative"),
        # Tracing takes seconds.
        pytest.param(partial(small, checkpointing=True), "free", marks=pytest.mark.proof),
        pytest.param(narrow, "relative", marks=pytest.mark.proof),
        pytest.param(dense, "free", marks=pytest.mark.proof),
    ],
)
def test_the_compiled_step_is_the_eager_one(make, kind, only_traced):
    data = [(images().double(),), (images().flip(0).double(),)]
    agree(make(kind).double(), ELBO(), data=data)


def test_several_particles_take_paths_of_their_own():
    model, x = make(), linear_hierarchy.data()
    loss = ImportanceWeightedELBO(num_particles=7).loss(model.model, model.guide, x)
    assert torch.isfinite(torch.tensor(loss))
    guide = poutine.trace(pyro.plate("K", 7, dim=-2)(model.guide)).get_trace(x)
    assert guide.nodes["z1"]["value"].shape == (7, len(x), 1)


class Shifted(TopDownLayer):
    """A layer of one's own: its latent is added to the path."""

    def __init__(self, network):
        super().__init__()
        self.network = NormalPosterior(network)
        self.in_shape = self.out_shape = self.latent_shape = torch.Size([PATH])
        self.features_shape = torch.Size([D])

    def prior_at(self, h):
        return pyro.distributions.Normal(h, 1.0).to_event(1)

    def posterior_at(self, h, features):
        return self.network(features)

    def forward(self, h, z):
        return z + torch.zeros_like(h)


def test_a_layer_of_ones_own():
    model = TopDownVAE(
        [Shifted(MLP(D, [], 2 * PATH)), Shifted(MLP(D, [], 2 * PATH))],
        [MLP(D, [4], D)],
        BernoulliLikelihood(MLP(PATH, [], D)),
    )
    x = torch.rand(4, D).round()
    ELBO().loss_and_grads(model.model, model.guide, x)
    assert model.reconstruct(x).shape == x.shape


def normal(n_in, n_out):
    return NormalPosterior(MLP(n_in, [], 2 * n_out))


def block(*, prior=None, posterior=None, merge=None):
    return TopDownBlock(
        prior or normal(PATH, 2),
        posterior or normal(PATH + D, 2),
        merge or MLP(PATH + 2, [], PATH),
    )


def model_of(*, blocks=None, encoders=None, likelihood=None):
    return TopDownVAE(
        [block(), block()] if blocks is None else blocks,
        [MLP(D, [], D)] if encoders is None else encoders,
        likelihood or BernoulliLikelihood(MLP(PATH, [], D)),
    )


def planar():
    network = MLP(PATH, [], PlanarPosterior.network_shape(2, transforms=1))
    return PlanarPosterior(network, transforms=1)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: block(posterior=normal(PATH, 2)), r"posterior: expected one that reads the path"),
        (
            lambda: block(posterior=normal(PATH + D, 3)),
            "latent: expected the same shape in all parts",
        ),
        (lambda: block(merge=MLP(PATH, [], PATH)), "merge: the path beside z"),
        (lambda: block(prior=planar()), "can only evaluate the density of its own draws"),
        (
            lambda: ResidualNormalBlock(
                normal(PATH, 2), MLP(PATH + D, [], 3), MLP(PATH + 2, [], PATH)
            ),
            r"network: expected an out_shape of \(4,\)",
        ),
        (lambda: model_of(blocks=[]), "blocks: expected at least one"),
        (lambda: model_of(encoders=[]), "encoders: expected at least one"),
        (
            lambda: model_of(encoders=[MLP(D, [], D + 1)]),
            r"block of z1: .*features of shape \(5,\)",
        ),
        (lambda: model_of(blocks=[block(merge=MLP(PATH + 2, [], 7))]), "path above the data"),
        (
            lambda: model_of(blocks=[block(), block(merge=MLP(PATH + 2, [], 7))]),
            "path above z1",
        ),
        (lambda: model_of(encoders=[MLP(D, [], D), MLP(4, [], D)]), "output of an encoder"),
    ],
)
def test_what_does_not_fit_is_named(make, told):
    with pytest.raises(ValueError, match=told):
        make()
