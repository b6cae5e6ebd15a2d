"""Several layers of latents: training, queries, files and figures."""

import pyro
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO
from torch.distributions import kl_divergence

from pyrovae import evaluate, fit, load, plots, save
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import HierarchicalVAE, LadderVAE
from pyrovae.nn import MLP, Chain
from pyrovae.objectives import ELBO, EnumeratedELBO
from pyrovae.posteriors import (
    CategoricalPosterior,
    IAFPosterior,
    LowRankNormalPosterior,
    NormalPosterior,
)
from pyrovae.priors import CategoricalPrior, FlowPrior, MixturePrior, NormalPrior, VampPrior

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
            ValueError, match=r"site: expected one of \['z1', 'z2', 'z3'\], got None"
        ):
            draw(model, x)
        assert draw(model, x, site="z2").axes
    assert plots.interpolation(model, x[:2], x[2:4], site="z3").axes
    assert plots.reconstructions(model, x).axes
    assert plots.samples(model).axes
