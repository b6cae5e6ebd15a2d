"""Several categorical latents: summed exactly, drawn, and asked."""

from itertools import product

import pytest
import torch

from pyrovae import evaluate, fit, load, save
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import CategoricalVAE
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, VIMCO, EnumeratedELBO, ReweightedWakeSleep

VARIABLES, CATEGORIES, D = 3, 2, 5


def make():
    size = VARIABLES * CATEGORIES
    likelihood = BernoulliLikelihood(MLP(size, [4], D, activation="tanh"))
    network = MLP(D, [4], size, activation="tanh")
    vae = CategoricalVAE(network, likelihood, variables=VARIABLES, categories=CATEGORIES)
    with torch.no_grad():
        vae.logits.normal_()
    return vae


def all_values(vae, x):
    """log q and log p(x, z) of every joint value, written out: two tensors (values, batch)."""
    q = vae.network(x).unflatten(-1, (VARIABLES, CATEGORIES)).log_softmax(-1)
    p = vae.logits.log_softmax(-1)
    log_q, log_p = [], []
    for value in product(range(CATEGORIES), repeat=VARIABLES):
        z = torch.eye(CATEGORIES)[list(value)].flatten()
        log_q.append(sum(q[:, i, v] for i, v in enumerate(value)))
        prior = sum(p[i, v] for i, v in enumerate(value))
        log_p.append(prior + vae.likelihood(z.expand(len(x), -1)).log_prob(x))
    return torch.stack(log_q), torch.stack(log_p)


def exact_bound(vae, x):
    log_q, log_p = all_values(vae, x)
    return (log_q.exp() * (log_p - log_q)).sum()


def test_enumeration_sums_over_every_joint_value():
    vae, x = make(), torch.rand(7, D).round()
    loss = EnumeratedELBO().differentiable_loss(vae.model, vae.guide, x)
    torch.testing.assert_close(-loss, exact_bound(vae, x))
    parameters = list(vae.parameters())
    found = torch.autograd.grad(loss, parameters)
    expected = torch.autograd.grad(-exact_bound(vae, x), parameters)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_draws_agree_with_the_sums():
    vae, x = make(), torch.rand(4, D).round()
    n = 20_000
    found = -ELBO(num_particles=n).loss(vae.model, vae.guide, x)
    # The log-weights of 4 data together spread by less than 8 nats.
    assert abs(found - exact_bound(vae, x).item()) < 5 * 8 / n**0.5
    report = evaluate(vae, x, samples=5000)
    exact = all_values(vae, x)[1].logsumexp(0).mean().item()
    assert abs(report.log_likelihood.value - exact) < 5 * report.log_likelihood.mc_se


@pytest.mark.parametrize(
    "objective", [EnumeratedELBO(), VIMCO(num_particles=5), ReweightedWakeSleep(num_particles=5)]
)
def test_training_learns(objective):
    vae, x = make(), torch.rand(1, D).round().expand(60, D).clone()
    before = exact_bound(vae, x).item()
    adam = lambda parameters: torch.optim.Adam(parameters, lr=0.05)
    fit(vae, x, objective=objective, epochs=20, batch_size=20, optimizer=adam, progress=False)
    # Sixty equal data: their bound nears zero.
    assert exact_bound(vae, x).item() > max(before / 4, -60)


def test_queries_and_files(tmp_path):
    vae, x = make(), torch.rand(6, D).round()
    codes = vae.encode(x)
    assert list(codes) == ["z1", "z2", "z3"]
    assert codes["z1"].shape == (6, CATEGORIES)
    assert vae.decode(codes).mean.shape == (6, D)
    assert vae.sample(4).shape == (4, D)
    assert vae.reconstruct(x).shape == (6, D)
    save(vae, tmp_path / "vae.pt")
    torch.testing.assert_close(load(tmp_path / "vae.pt").reconstruct(x), vae.reconstruct(x))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((MLP(D, [], 5), MLP(6, [], D)), r"expected an out_shape .* \(6,\), got \(5,\)"),
        ((MLP(D, [], 6), MLP(5, [], D)), r"latents of shape \(6,\)"),
        ((MLP(D, [], 6), MLP(6, [], 4)), "datum: expected the same shape in all parts"),
    ],
)
def test_parts_that_do_not_fit(arguments, said):
    network, decoder = arguments
    with pytest.raises(ValueError, match=said):
        CategoricalVAE(network, BernoulliLikelihood(decoder), variables=3, categories=2)
