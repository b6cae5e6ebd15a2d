"""Entropies of the choice of codes, written out."""

import pytest
import torch

from pyrovae import VAE, evaluate, fit
from pyrovae.codebooks import LearnedCodebook, LookupFreeCodebook, ResidualCodebook
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import Weighted
from pyrovae.nn import MLP
from pyrovae.objectives import EntropyQuantizedELBO, VectorQuantizedELBO
from pyrovae.posteriors import QuantizedPosterior
from pyrovae.priors import CategoricalCodePrior

D = 5


def make(book, places=2):
    q = QuantizedPosterior(MLP(D, [6], places * book.code_features, activation="tanh"), book)
    (latent,) = q.latent_shape
    return VAE(CategoricalCodePrior(q), q, BernoulliLikelihood(MLP(latent, [], D)))


def loss(objective, vae, x):
    return objective.differentiable_loss(vae.model, vae.guide, x)


def entropy(p):
    return -(p * p.log()).sum(-1)


def test_signs_have_the_entropies_of_their_bits():
    """The probabilities of the codes are products of those of the signs."""
    vae, x = make(LookupFreeCodebook(3)), torch.rand(7, D).round()
    options = {"entropy": 0.7, "diversity": 1.3, "sharpness": 0.9}
    found = loss(EntropyQuantizedELBO(**options), vae, x)
    base = loss(VectorQuantizedELBO(), vae, x)
    f = vae.posterior.network(x).view(7, 2, 3)
    on = (4 * 0.9 * f).sigmoid()  # the distances from -1 and 1 differ by 4 f
    bits = torch.stack([1 - on, on], -1)
    a, b, c = bits.unbind(-2)
    p = torch.einsum("npi,npj,npk->npijk", a, b, c).flatten(2)
    torch.testing.assert_close(entropy(p), entropy(bits).sum(-1))
    penalty = entropy(p).mean() - 1.3 * entropy(p.mean((0, 1)))
    expected = base + 0.7 * 7 * 2 * penalty
    torch.testing.assert_close(found, expected)
    parameters = list(vae.posterior.parameters())
    gradients = zip(
        torch.autograd.grad(found, parameters),
        torch.autograd.grad(expected, parameters),
        strict=True,
    )
    for one, other in gradients:
        torch.testing.assert_close(one, other)
    several = EntropyQuantizedELBO(num_particles=3, **options)
    torch.testing.assert_close(loss(several, vae, x), found)


def test_each_stage_has_entropies_of_its_own():
    books = [LearnedCodebook(3, 2), LearnedCodebook(3, 2)]
    vae, x = make(ResidualCodebook(books)), torch.rand(6, D).round()
    found = loss(EntropyQuantizedELBO(entropy=2.0), vae, x)
    rest, penalty = vae.posterior.network(x).view(12, 2), 0.0
    for book in books:
        p = (-torch.cdist(rest, book.vectors).square()).softmax(-1)
        penalty = penalty + entropy(p).mean() - entropy(p.mean(0))
        code = book.vectors[torch.cdist(rest, book.vectors).argmin(-1)]
        rest = rest - code.detach()
    expected = loss(VectorQuantizedELBO(), vae, x) + 2.0 * 12 * penalty
    torch.testing.assert_close(found, expected)


def test_certain_choices_have_gradients():
    vae, x = make(LookupFreeCodebook(4)), torch.rand(6, D).round()
    value = loss(EntropyQuantizedELBO(sharpness=1e4), vae, x)
    value.backward()
    assert value.isfinite()
    assert all(p.grad.isfinite().all() for p in vae.parameters())


def test_more_codes_are_used():
    torch.manual_seed(0)
    x = torch.eye(D)[torch.randint(D, (200,))]
    used = []
    for objective in (EntropyQuantizedELBO(entropy=0.0), EntropyQuantizedELBO(entropy=2.0)):
        torch.manual_seed(1)
        vae = make(LookupFreeCodebook(3), places=1)
        with torch.no_grad():
            for parameter in vae.posterior.parameters():
                parameter.mul_(0.01)
            vae.posterior.network.layers[-1].bias.fill_(1.0)  # one code for all
        adam = lambda parameters: torch.optim.Adam(parameters, lr=0.02)
        fit(vae, x, objective=objective, epochs=15, batch_size=50, optimizer=adam, progress=False)
        used.append(evaluate(vae, x, samples=1).codebooks["z"].perplexity)
    assert used[1] > used[0]


def test_data_with_weights_are_refused():
    vae = Weighted(make(LookupFreeCodebook(3)))
    batch = torch.rand(4, D), torch.ones(4)
    with pytest.raises(ValueError, match="the data are weighted"):
        EntropyQuantizedELBO().loss(vae.model, vae.guide, *batch)
