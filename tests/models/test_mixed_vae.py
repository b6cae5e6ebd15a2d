"""A continuous and a discrete latent: the class summed by hand, drawn, and relaxed."""

import pyro
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO

from pyrovae import evaluate, fit, load, save
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import MixedVAE
from pyrovae.nn import MLP
from pyrovae.objectives import (
    ELBO,
    VIMCO,
    AnalyticKLELBO,
    EnumeratedELBO,
    ImportanceWeightedELBO,
    ReweightedWakeSleep,
)
from pyrovae.posteriors import (
    CategoricalPosterior,
    NormalPosterior,
    RelaxedCategoricalPosterior,
)
from pyrovae.priors import CategoricalPrior, NormalPrior, RelaxedCategoricalPrior

D, Z, C = 5, 2, 3
pytestmark = pytest.mark.filterwarnings("ignore:site 'c'. RelaxedOneHots has no mean")


def make(variables=None):
    if variables is None:
        c = (CategoricalPrior(C, learned=True), CategoricalPosterior(MLP(D, [], C)))
        size = C
    else:
        size = C * variables
        c = (
            RelaxedCategoricalPrior(size, variables=variables, learned=True),
            RelaxedCategoricalPosterior(MLP(D, [], size), variables=variables),
        )
    z = (NormalPrior(Z), NormalPosterior(MLP(D, [4], 2 * Z, activation="tanh")))
    return MixedVAE(*z, *c, BernoulliLikelihood(MLP(Z + size, [4], D, activation="tanh")))


def binary(n=7):
    return torch.rand(n, D).round()


def summed_by_hand(vae, x, z):
    """sum_c q(c|x) (log p(x|z,c) + log p(c) - log q(c|x)) + log p(z) - log q(z|x), summed."""
    q = vae.discrete_posterior.network(x).log_softmax(-1)
    p = vae.discrete_prior.logits.log_softmax(-1)
    total = (vae.prior().log_prob(z) - vae.posterior(x).log_prob(z)).sum()
    for k in range(C):
        c = torch.eye(C)[k].expand(len(x), C)
        log_p_x = vae.likelihood(torch.cat([z, c], -1)).log_prob(x)
        total = total + (q[:, k].exp() * (log_p_x + p[k] - q[:, k])).sum()
    return total


def test_enumeration_is_the_sum_over_classes():
    vae, x = make(), binary()
    torch.manual_seed(3)
    loss = EnumeratedELBO().differentiable_loss(vae.model, vae.guide, x)
    torch.manual_seed(3)
    z = vae.posterior(x).rsample()
    expected = summed_by_hand(vae, x, z)
    torch.testing.assert_close(-loss, expected)
    found = torch.autograd.grad(loss, list(vae.parameters()))
    by_hand = torch.autograd.grad(-expected, list(vae.parameters()))
    for a, b in zip(found, by_hand, strict=True):
        torch.testing.assert_close(a, b)


def test_drawing_the_class_agrees_with_summing():
    vae, x = make(), binary(4)
    n = 20_000
    losses = [
        objective.loss(vae.model, vae.guide, x)
        for objective in (EnumeratedELBO(num_particles=n), ELBO(num_particles=n))
    ]
    # The log-weights of 4 data together spread by less than 8 nats.
    assert abs(losses[0] - losses[1]) < 5 * 8 / n**0.5
    report = evaluate(vae, x, samples=3000)
    assert set(report.units.items()) == {("z", Z), ("c", C)}
    tight = -ImportanceWeightedELBO(num_particles=3000).loss(vae.model, vae.guide, x) / 4
    assert tight == pytest.approx(report.log_likelihood.value, abs=7 * report.log_likelihood.mc_se)


OBJECTIVES = [
    (None, EnumeratedELBO()),
    (None, VIMCO(num_particles=5)),
    (None, ReweightedWakeSleep(num_particles=5)),
    (None, AnalyticKLELBO()),
    (1, ELBO()),
    (2, ELBO(num_particles=2)),
]


@pytest.mark.parametrize(
    ("variables", "objective"), OBJECTIVES, ids=[f"{v}-{o}" for v, o in OBJECTIVES]
)
def test_training_learns(variables, objective):
    vae, x = make(variables), binary(1).expand(60, D).clone()
    before = evaluate(vae, x, samples=20).elbo
    adam = lambda parameters: torch.optim.Adam(parameters, lr=0.05)
    fit(vae, x, objective=objective, epochs=20, batch_size=20, optimizer=adam, progress=False)
    # Sixty equal data: their bound nears zero.
    assert evaluate(vae, x, samples=20).elbo > max(before / 4, -1)


@pytest.mark.parametrize("variables", [None, 2])
def test_queries_files_and_plain_svi(variables, tmp_path):
    vae, x = make(variables), binary()
    SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.01}), loss=Trace_ELBO()).step(x)
    codes = vae.encode(x)
    assert set(codes) == {"z", "c"}
    assert vae.decode(codes).batch_shape == (7,)
    # What is left out is drawn from its prior.
    assert vae.decode({"c": codes["c"]}).batch_shape == (7,)
    assert vae.sample(4).shape == (4, D)
    save(vae, tmp_path / "vae.pt")
    loaded = load(tmp_path / "vae.pt")
    torch.testing.assert_close(loaded.decode(codes).mean, vae.decode(codes).mean)


def test_parts_that_do_not_fit():
    z = (NormalPrior(Z), NormalPosterior(MLP(D, [], 2 * Z)))
    c = (CategoricalPrior(C), CategoricalPosterior(MLP(D, [], C)))
    decoder = BernoulliLikelihood(MLP(Z + C, [], D))
    with pytest.raises(ValueError, match=r"NormalPrior \(3,\), NormalPosterior \(2,\)"):
        MixedVAE(NormalPrior(3), z[1], *c, decoder)
    with pytest.raises(ValueError, match="RelaxedCategoricalPosterior under CategoricalPrior"):
        MixedVAE(*z, c[0], RelaxedCategoricalPosterior(MLP(D, [], C)), decoder)
    with pytest.raises(
        ValueError, match=r"pair of latents: .* got both \(5,\), likelihood \(4,\)"
    ):
        MixedVAE(*z, *c, BernoulliLikelihood(MLP(4, [], D)))
    with pytest.raises(
        ValueError, match=r"datum: expected the same shape in all parts, got .*likelihood \(6,\)"
    ):
        MixedVAE(*z, *c, BernoulliLikelihood(MLP(Z + C, [], 6)))
