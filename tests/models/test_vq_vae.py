"""VQ-VAE: a VAE of codes, its estimator's gradients written out, and its prior fitted after it."""

from itertools import product

import pyro
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO
from tiny import same, state

from pyrovae import VAE, evaluate, fit, load, save, score
from pyrovae.distributions import Autoregressive, Codes, CodeTable, NearestCode
from pyrovae.latents import latent_kind
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import Density
from pyrovae.nn import MLP, ConvDecoder, ConvEncoder
from pyrovae.objectives import ELBO, ImportanceWeightedELBO, VectorQuantizedELBO
from pyrovae.posteriors import VectorQuantizedPosterior
from pyrovae.priors import AutoregressiveCodePrior, CategoricalCodePrior, CategoricalPrior

D, CODES, FEATURES, POSITIONS = 5, 3, 2, 3
LATENT = FEATURES * POSITIONS
PRIORS = {
    "categorical": lambda q: CategoricalCodePrior(q),
    "autoregressive": lambda q: AutoregressiveCodePrior(q, hidden=4),
}
both_priors = pytest.mark.parametrize("prior", PRIORS)


def make(prior="categorical", **options):
    q = VectorQuantizedPosterior(
        MLP(D, [6], LATENT, activation="tanh", **options), codes=CODES, code_features=FEATURES
    )
    vae = VAE(PRIORS[prior](q), q, BernoulliLikelihood(MLP(LATENT, [6], D, activation="tanh")))
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return vae


def binary(n):
    return torch.rand(n, D).round()


def distance(found, to):
    return (found - to).square().sum()


def test_nearest_codes_on_a_grid_are_those_of_a_loop():
    codebook = torch.randn(CODES, 2)
    output = torch.randn(4, 6, 3, 2)  # 3 vectors of 2 numbers at each of 3 x 2 places
    q = NearestCode(output, CodeTable(codebook), 3)
    assert q.batch_shape == (4,)
    assert q.event_shape == (6, 3, 2)
    assert q.indices.shape == (4, 3, 3, 2)
    value = q.sample((2,))
    for n, g, i, j in product(range(4), range(3), range(3), range(2)):
        vector = output[n, 2 * g : 2 * g + 2, i, j]
        best = min(range(CODES), key=lambda k: distance(codebook[k], vector).item())
        assert q.indices[n, g, i, j] == best
        assert torch.equal(value[1, n, 2 * g : 2 * g + 2, i, j], codebook[best])
    assert torch.equal(q.log_prob(value), torch.zeros(2, 4))
    other = value[0].clone()
    other[1, 0, 0, 0] += 1e-3
    assert q.log_prob(other).tolist() == [0, -torch.inf, 0, 0]
    assert q.support.check(value[0]).all()
    assert q.support.check(other).tolist() == [True, False, True, True]
    assert latent_kind(q) == "code"


@both_priors
def test_probabilities_of_all_codes_add_up_to_one(prior):
    vae = make(prior)
    p = vae.prior()
    codebook = vae.posterior.codebook.vectors.detach()
    every = torch.stack([codebook[list(k)].flatten() for k in product(range(CODES), repeat=3)])
    assert p.log_prob(every).logsumexp(0).item() == pytest.approx(0, abs=1e-5)
    # Frequencies of 27 values in 20,000 draws: standard errors below 0.0036.
    drawn = torch.cdist(p.sample((20_000,)), every).argmin(-1)
    shares = torch.bincount(drawn, minlength=27) / 20_000
    assert (shares - p.log_prob(every).exp()).abs().max() < 0.015


def test_autoregressive_prior_sees_what_came_before_alone():
    network = AutoregressiveCodePrior(make().posterior, hidden=4).network
    k = torch.randint(CODES, (5, POSITIONS))
    logits = network(k)
    for i in range(POSITIONS):
        changed = k.clone()
        changed[:, i] = (k[:, i] + 1) % CODES
        differs = (network(changed) != logits).any(-1).any(0)
        assert differs.tolist() == [j > i for j in range(POSITIONS)]


def test_expanding_the_priors():
    vae = make("autoregressive")
    p = vae.prior().expand([4])
    assert isinstance(p, Codes)
    assert isinstance(p.indices, Autoregressive)
    assert p.sample((2,)).shape == (2, 4, LATENT)
    assert p.log_prob(p.sample()).shape == (4,)
    z = vae.prior().sample()
    torch.testing.assert_close(p.log_prob(z), vae.prior().log_prob(z).expand(4))


def written_out(vae, x, commitment):
    """Bound, distances and the three gradients by hand."""
    f = vae.posterior.network(x)
    codebook = vae.posterior.codebook.vectors
    vectors = f.detach().view(len(x), POSITIONS, FEATURES)
    k = torch.cdist(vectors, codebook.detach()).argmin(-1)
    leaf = codebook.detach()[k].flatten(1).requires_grad_()
    log_p_x = vae.likelihood(leaf).log_prob(x).sum()
    log_p_z = vae.prior.logits.log_softmax(-1)[torch.arange(POSITIONS), k].sum()
    passed = torch.autograd.grad(log_p_x, leaf, retain_graph=True)[0]
    # The decoder's gradient at the codes goes to the network's output as it is.
    passed = passed - 2 * commitment * (f.detach() - leaf.detach())
    network = torch.autograd.grad(f, list(vae.posterior.network.parameters()), passed)
    residuals = torch.zeros_like(codebook)
    for index, vector in zip(k.flatten(), vectors.flatten(0, 1), strict=True):
        residuals[index] += 2 * (codebook.detach()[index] - vector)
    spread = (f - leaf).square().sum()
    bound = log_p_x + log_p_z
    return bound, bound - (1 + commitment) * spread, network, residuals


@pytest.mark.parametrize("commitment", [0.0, 0.25])
def test_gradients_are_straight_through_and_sums_of_residuals(commitment):
    vae, x = make(), binary(7)
    bound, objective, network, residuals = written_out(vae, x, commitment)
    loss = VectorQuantizedELBO(commitment=commitment).differentiable_loss(vae.model, vae.guide, x)
    torch.testing.assert_close(-loss, objective)
    loss.backward()
    for parameter, expected in zip(vae.posterior.network.parameters(), network, strict=True):
        torch.testing.assert_close(parameter.grad, -expected)
    torch.testing.assert_close(vae.posterior.codebook.vectors.grad, residuals)
    # The bound itself knows nothing of the distances.
    assert -ELBO().loss(vae.model, vae.guide, x) == pytest.approx(bound.item(), rel=1e-5)


def test_particles_and_a_plate_of_more_data_change_nothing_but_the_scale():
    vae, x = make(), binary(4)
    one = VectorQuantizedELBO().loss(vae.model, vae.guide, x)
    assert VectorQuantizedELBO(num_particles=3).loss(vae.model, vae.guide, x) == pytest.approx(one)
    scale = lambda program: pyro.poutine.scale(program, scale=2.5)
    weighed = VectorQuantizedELBO().loss(scale(vae.model), scale(vae.guide), x)
    assert weighed == pytest.approx(2.5 * one)


@both_priors
def test_the_bound_is_one_and_more_draws_do_not_tighten_it(prior):
    vae, x = make(prior), binary(6)
    codebook = vae.posterior.codebook.vectors.detach()
    every = torch.stack([codebook[list(k)].flatten() for k in product(range(CODES), repeat=3)])
    joint = vae.prior().log_prob(every)[:, None] + torch.stack(
        [vae.likelihood(z.expand(6, -1)).log_prob(x) for z in every]
    )
    exact = joint.logsumexp(0).mean().item()
    report = evaluate(vae, x, samples=4)
    assert report.elbo < exact
    assert report.log_likelihood.value == pytest.approx(report.elbo, abs=1e-5)
    assert "log p(x) is no more than the ELBO" in str(report)
    assert "; bound, not a log-likelihood)" in str(report)
    assert report.to_dict()["is_bound"]
    assert score(vae, x, samples=4).is_bound
    z = vae.encode(x)
    assert report.kl == pytest.approx(-vae.prior().log_prob(z).mean().item(), abs=1e-5)
    tighter = ImportanceWeightedELBO(num_particles=5).loss(vae.model, vae.guide, x) / -6
    assert tighter == pytest.approx(report.elbo, abs=1e-5)


def test_report_says_how_much_of_the_codebook_is_in_use():
    vae, x = make(), binary(6)
    with torch.no_grad():
        vae.posterior.codebook.vectors[2] = 1e6  # out of reach
    report = evaluate(vae, x, samples=1)
    use = report.codebooks["z"]
    k = vae.posterior(x).indices.flatten()
    shares = torch.stack([(k == i).double().mean() for i in range(2)])
    expected = torch.special.entr(shares).sum().exp().item()
    assert (use.codes, use.perplexity) == (3, pytest.approx(expected))
    assert use.dead == 1 + int((shares == 0).sum())
    assert f"{3 - use.dead} of 3 codes taken" in str(report)


def test_training_and_the_second_stage():
    torch.manual_seed(1)
    kinds = torch.tensor([[1.0, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]])
    x = kinds[torch.randint(3, (300,))]
    vae = make("autoregressive")
    adam = lambda parameters: torch.optim.Adam(parameters, lr=0.01)
    options = {"batch_size": 50, "optimizer": adam, "progress": False}
    frozen = vae.prior.network.requires_grad_(False)
    before = evaluate(vae, x, samples=1)
    fit(vae, x, objective=VectorQuantizedELBO(), epochs=40, **options)
    first = evaluate(vae, x, samples=1)
    assert first.reconstruction > before.reconstruction / 4

    frozen.requires_grad_(True)
    kept = {name: tensor for name, tensor in state(vae).items() if "prior.network" not in name}
    fit(Density(vae.prior), vae.encode(x), epochs=40, **options)
    # The prior alone has changed, where it stands.
    assert same(kept, {name: t for name, t in state(vae).items() if name in kept})
    second = evaluate(vae, x, samples=1)
    assert second.reconstruction == pytest.approx(first.reconstruction)
    assert second.kl < 1.2  # three kinds of data: log 3 = 1.099 nats
    assert second.elbo > first.elbo
    drawn = vae.sample(200, draw=True)
    assert torch.stack([(drawn == kind).all(-1) for kind in kinds]).any(0).float().mean() > 0.8


@both_priors
def test_queries_files_and_plain_svi(prior, tmp_path):
    vae, x = make(prior), binary(6)
    SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 0.01}), loss=Trace_ELBO()).step(x)
    z = vae.encode(x)
    assert vae.posterior(x).support.check(z).all()
    assert vae.decode(z).batch_shape == (6,)
    assert vae.sample(4).shape == vae.sample(4, draw=True).shape == (4, D)
    save(vae, tmp_path / "vae.pt")
    loaded = load(tmp_path / "vae.pt")
    assert loaded.prior.posterior is loaded.posterior
    assert torch.equal(loaded.encode(x), z)
    save(Density(vae.prior), tmp_path / "density.pt")
    assert torch.equal(load(tmp_path / "density.pt").prior().log_prob(z), vae.prior().log_prob(z))


def test_convolutions_and_a_grid_of_codes():
    encoder = ConvEncoder((1, 8, 8), (4, 2, 2), channels=(4,), batch_norm=True)
    q = VectorQuantizedPosterior(encoder, codes=8, code_features=4)
    assert q.code_shape == (1, 2, 2)
    decoder = ConvDecoder((4, 2, 2), (1, 8, 8), channels=(4,))
    vae = VAE(AutoregressiveCodePrior(q, hidden=8), q, BernoulliLikelihood(decoder))
    x = torch.rand(20, 1, 8, 8).round()
    fit(vae, x, objective=VectorQuantizedELBO(), epochs=1, batch_size=10, progress=False)
    assert vae.encode(x).shape == (20, 4, 2, 2)
    assert vae.sample(3).shape == (3, 1, 8, 8)


def test_what_does_not_fit_is_refused():
    network = MLP(D, [], LATENT)
    with pytest.raises(ValueError, match=r"divides by code_features, 4, got \(6,\)"):
        VectorQuantizedPosterior(network, code_features=4)
    with pytest.raises(ValueError, match="codes: expected at least 2, got 1"):
        VectorQuantizedPosterior(network, codes=1, code_features=2)
    with pytest.raises(ValueError, match="commitment: expected a weight of at least 0"):
        VectorQuantizedELBO(commitment=-1)
    with pytest.raises(ValueError, match="hidden: expected at least 1 unit"):
        AutoregressiveCodePrior(make().posterior, hidden=0)
    q = VectorQuantizedPosterior(network, codes=4, code_features=2)
    with pytest.raises(ValueError, match="vectors of a codebook and the prior one over separate"):
        VAE(CategoricalPrior(LATENT), q, BernoulliLikelihood(MLP(LATENT, [], D)))
    density = Density(CategoricalCodePrior(q))
    with pytest.raises(ValueError, match="a latent with a codebook .*, got no latent"):
        VectorQuantizedELBO().loss(density.model, density.guide, torch.zeros(2, LATENT))
