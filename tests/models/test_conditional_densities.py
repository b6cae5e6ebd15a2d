"""The densities of a VAE of data with a condition."""

import pytest
import torch
from conditional import C, D, L, Y, data, make, tanh
from pyro.infer import Trace_ELBO

from pyrovae import VAE, evaluate
from pyrovae.likelihoods import BernoulliLikelihood, NormalLikelihood
from pyrovae.models import ConditionalVAE
from pyrovae.nn import MLP
from pyrovae.objectives import (
    ELBO,
    AnalyticKLELBO,
    DoublyReparameterizedELBO,
    EnumeratedELBO,
    ImportanceWeightedELBO,
)
from pyrovae.posteriors import CategoricalPosterior, NormalPosterior
from pyrovae.priors import CategoricalPrior, NormalPrior


def test_the_bound_is_the_sum_over_the_latent_with_the_label_in_both_networks():
    vae = ConditionalVAE(
        CategoricalPrior(4, learned=True),
        CategoricalPosterior(tanh(D + C, [4], 4)),
        BernoulliLikelihood(tanh(4 + C, [4], D)),
        classes=C,
    ).double()
    x = data().double()
    y = torch.eye(C).double()[Y]
    log_q = vae.posterior.network(torch.cat([x, y], 1)).log_softmax(-1)
    log_p = torch.stack(
        [
            vae.prior.logits.log_softmax(-1)[k]
            + vae.likelihood(torch.cat([torch.eye(4).double()[[k] * 7], y], 1)).log_prob(x)
            for k in range(4)
        ],
        dim=1,
    )
    exact = (log_q.exp() * (log_p - log_q)).sum()
    loss = EnumeratedELBO().differentiable_loss(vae.model, vae.guide, x, Y)
    torch.testing.assert_close(-loss, exact)
    parameters = list(vae.parameters())
    found, expected = (torch.autograd.grad(v, parameters) for v in (-loss, exact))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)
    report = evaluate(vae, (x, Y), samples=2000)
    exact = log_p.logsumexp(1).mean().item()
    assert abs(report.log_likelihood.value - exact) < 5 * report.log_likelihood.mc_se


OBJECTIVES = [
    ELBO(num_particles=3),
    AnalyticKLELBO(),
    ImportanceWeightedELBO(num_particles=4),
    DoublyReparameterizedELBO(num_particles=3),
    EnumeratedELBO(num_particles=2),
    Trace_ELBO(num_particles=2, vectorize_particles=True, max_plate_nesting=1),
]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: type(o).__name__)
def test_with_networks_that_ignore_the_condition_it_is_the_vae(objective):
    conditional = make()
    posterior = NormalPosterior(tanh(D, [4], 2 * L))
    plain = VAE(NormalPrior(L), posterior, BernoulliLikelihood(tanh(L, [4], D)))
    state = conditional.state_dict()
    for part, size in (("posterior", D), ("likelihood", L)):
        first = state[f"{part}.network.layers.0.weight"]
        first[:, size:] = 0
        weights = {k: v for k, v in state.items() if k.startswith(part)}
        weights[f"{part}.network.layers.0.weight"] = first[:, :size]
        plain.load_state_dict(weights, strict=False)
    losses = []
    for vae, batch in ((conditional, (data(), Y)), (plain, (data(),))):
        torch.manual_seed(0)
        losses.append(objective.loss(vae.model, vae.guide, *batch))
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_a_prior_given_the_condition_with_a_decoder_of_latents_alone():
    """All normal: p(x|y) has a closed form."""
    prior = NormalPosterior(MLP((2,), [], 2 * L))
    likelihood = NormalLikelihood(MLP(L, [], D), scale=0.5)
    vae = ConditionalVAE(
        prior, NormalPosterior(MLP(D + 2, [], 2 * L)), likelihood, condition_shape=2
    )
    x, y = torch.randn(6, D), torch.randn(6, 2)
    with torch.no_grad():
        # Wider than the posterior: a narrow proposal has weights without a variance.
        vae.posterior.network.layers[-1].bias[L:] = 2.0
    p = prior(y).base_dist
    (weight, bias) = likelihood.network.layers[0].parameters()
    covariance = weight @ torch.diag_embed(p.scale**2) @ weight.T + 0.25 * torch.eye(D)
    exact = torch.distributions.MultivariateNormal(p.loc @ weight.T + bias, covariance)
    found = evaluate(vae, (x, y), samples=20_000).log_likelihood
    assert abs(found.value - exact.log_prob(x).mean().item()) < 5 * found.mc_se
    # The draws come from p(z|y).
    many = vae.sample(4000, y[0])
    error = (many.std(0) / 4000**0.5).max().item()
    torch.testing.assert_close(many.mean(0), exact.mean[0], atol=5 * error, rtol=0)
