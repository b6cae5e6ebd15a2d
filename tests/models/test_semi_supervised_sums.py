"""The semi-supervised VAE against sums over classes written out."""

import pyro
import pytest
import torch
from pyro import poutine
from pyro.infer import TraceEnum_ELBO, config_enumerate
from semi_supervised import LABELLED, MIXED, C, D, L, data, tanh

from pyrovae import evaluate
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import ConditionalVAE, SemiSupervisedVAE
from pyrovae.objectives import ELBO, AnalyticKLELBO, EnumeratedELBO
from pyrovae.posteriors import CategoricalPosterior
from pyrovae.priors import CategoricalPrior

NONE = torch.full((6,), -1)
LABELS = {"labelled": LABELLED, "mixed": MIXED, "unlabelled": NONE, "absent": None}
over_labels = pytest.mark.parametrize("y", LABELS.values(), ids=list(LABELS))


def discrete():
    """With a z of two values and a learned p(y), every sum can be written out."""
    vae = SemiSupervisedVAE(
        CategoricalPrior(L, learned=True),
        CategoricalPosterior(tanh(D, [4], C)),
        CategoricalPosterior(tanh(D + C, [4], L)),
        BernoulliLikelihood(tanh(L + C, [4], D)),
        label_prior=CategoricalPrior(C, learned=True),
    ).double()
    with torch.no_grad():
        vae.label_prior.logits.copy_(torch.tensor([0.3, -0.5, 0.1]))
    return vae, data().double()


def batch(x, y):
    return (x,) if y is None else (x, y)


def joint(vae, x):
    """log p(x, y, z) and log q(z|x, y), (classes, values of z, n), and log q(y|x)."""
    log_p, log_q = [], []
    for k in range(C):
        y = torch.eye(C).to(x)[[k] * len(x)]
        q = vae.posterior.network(torch.cat([x, y], 1)).log_softmax(-1)
        log_q.append(q.T)
        for j in range(L):
            z = torch.eye(L).to(x)[[j] * len(x)]
            p = vae.label_prior.logits.log_softmax(-1)[k] + vae.prior.logits.log_softmax(-1)[j]
            log_p.append(p + vae.likelihood(torch.cat([z, y], 1)).log_prob(x))
    log_q_y = vae.classifier.network(x).log_softmax(-1).T
    return torch.stack(log_p).view(C, L, -1), torch.stack(log_q), log_q_y


def exact_bound(vae, x, y):
    """That of log p(x, y) of each labelled datum and of log p(x) of each other one."""
    log_p, log_q, log_q_y = joint(vae, x)
    given_class = (log_q.exp() * (log_p - log_q)).sum(1)
    bounds = (log_q_y.exp() * (given_class - log_q_y)).sum(0)
    for i, label in enumerate([] if y is None else y.tolist()):
        if label >= 0:
            bounds = torch.where(torch.arange(len(x)) == i, given_class[label], bounds)
    return bounds


@over_labels
@pytest.mark.parametrize("pyros", [False, True])
def test_enumeration_is_the_sum_written_out(y, pyros):
    vae, x = discrete()
    objective, guide = EnumeratedELBO(), vae.guide
    if pyros:
        objective, guide = TraceEnum_ELBO(max_plate_nesting=1), config_enumerate(vae.guide)
    exact = exact_bound(vae, x, y).sum()
    loss = objective.differentiable_loss(vae.model, guide, *batch(x, y))
    torch.testing.assert_close(-loss, exact)
    parameters = list(vae.parameters())
    found, expected = (
        torch.autograd.grad(v, parameters, allow_unused=True, materialize_grads=True)
        for v in (-loss, exact)
    )
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)
    classifies = found[
        [n for n, _ in vae.named_parameters()].index("classifier.network.layers.0.weight")
    ]
    assert classifies.any() == (y is None or bool((y < 0).any()))


def test_a_mixed_batch_is_the_sum_of_its_parts():
    vae, x = discrete()
    known = MIXED >= 0
    whole = EnumeratedELBO().loss(vae.model, vae.guide, x, MIXED)
    parts = EnumeratedELBO().loss(vae.model, vae.guide, x[known], MIXED[known])
    parts += EnumeratedELBO().loss(vae.model, vae.guide, x[~known])
    assert whole == pytest.approx(parts)


@over_labels
def test_draws_agree_with_the_sum(y):
    vae, x = discrete()
    n = 20_000
    exact = exact_bound(vae, x, y).sum().item()
    # The log-weights of six data together spread by less than 10 nats.
    for objective in (ELBO(num_particles=n), AnalyticKLELBO(num_particles=n)):
        assert abs(-objective.loss(vae.model, vae.guide, *batch(x, y)) - exact) < 5 * 10 / n**0.5


@over_labels
def test_log_likelihoods_of_pairs_and_of_data(y):
    vae, x = discrete()
    log_p = joint(vae, x)[0].logsumexp(1)
    exact = log_p.logsumexp(0)
    for i, label in enumerate([] if y is None else y.tolist()):
        if label >= 0:
            exact[i] = log_p[label, i]
    found = evaluate(vae, batch(x, y), samples=5000)
    assert abs(found.log_likelihood.value - exact.mean().item()) < 5 * found.log_likelihood.mc_se
    assert found.elbo == pytest.approx(exact_bound(vae, x, y).mean().item(), abs=0.1)


def test_with_every_label_it_is_the_conditional_vae_and_the_class():
    vae, x = discrete()
    conditional = ConditionalVAE(vae.prior, vae.posterior, vae.likelihood, classes=C)
    losses = [EnumeratedELBO().loss(m.model, m.guide, x, LABELLED) for m in (vae, conditional)]
    prior = vae.label_prior.logits.log_softmax(-1)[LABELLED].sum().item()
    assert losses[0] == pytest.approx(losses[1] - prior)


def test_pyros_masks_come_to_the_same():
    """The program with a site for labels that are observed and one for those that are not."""
    vae, x = discrete()
    vae, x = vae.float(), x.float()  # Pyro makes zeros of this type where it masks
    known = MIXED >= 0
    one_hot = torch.eye(C)[MIXED.clamp(min=0)]

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            y = pyro.sample("y", vae.label_prior(), obs=one_hot, obs_mask=known)
            z = pyro.sample("z", vae.prior())
            pyro.sample("x", vae.likelihood(vae.beside_z(z, y)), obs=x)

    def guide(x):
        with pyro.plate("data", len(x), dim=-1):
            with poutine.mask(mask=~known):
                guess = pyro.sample("y_unobserved", vae.classifier(x))
            y = torch.where(known.unsqueeze(-1), one_hot, guess)
            pyro.sample("z", vae.posterior(vae.beside_x(x, y)))

    masked = EnumeratedELBO().loss(model, guide, x)
    assert EnumeratedELBO().loss(vae.model, vae.guide, x, MIXED) == pytest.approx(masked)
