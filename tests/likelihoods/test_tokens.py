"""Tokens, of one length and of several."""

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from pyrovae import evaluate, fit
from pyrovae.likelihoods import TokensLikelihood
from pyrovae.models import MissingDataVAE
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

V, T = 5, 4


def made():
    return TokensLikelihood(
        MLP(2, [3], TokensLikelihood.network_shape(torch.Size([T]), tokens=V)), tokens=V
    )


def tokens(n=6, dtype=torch.long):
    return torch.randint(V, (n, T), generator=torch.Generator().manual_seed(0)).to(dtype)


def test_it_is_the_cross_entropy_of_each_place():
    likelihood, z, x = made(), torch.randn(6, 2), tokens()
    logits = likelihood.network(z).view(6, V, T)
    expected = -cross_entropy(logits, x, reduction="none").sum(1)
    torch.testing.assert_close(likelihood(z).log_prob(x), expected)
    torch.testing.assert_close(likelihood(z).log_prob(x.float()), expected)
    assert torch.equal(likelihood(z).mean, logits.argmax(1).float())


def test_all_sequences_have_probability_one():
    p = made()(torch.randn(1, 2))
    every = torch.cartesian_prod(*[torch.arange(V)] * T)
    assert p.log_prob(every).exp().sum().item() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.long, torch.int16, torch.uint8, torch.float32])
def test_numbers_of_any_type_and_sequences_of_several_lengths(dtype):
    """What fills a sequence up changes neither the bound nor what is learned."""
    lengths = torch.tensor([4, 1, 2, 3, 4, 2])
    there = torch.arange(T) < lengths[:, None]
    found = []
    for filler in (0, 3):
        torch.manual_seed(0)
        encoder = NormalPosterior(MLP(2 * T, [3], 4))
        vae = MissingDataVAE(NormalPrior(2), encoder, made())
        x = tokens(dtype=dtype).where(there, torch.tensor(filler, dtype=dtype))
        torch.manual_seed(1)
        fit(vae, (x, there), epochs=2, progress=False)
        report = evaluate(vae, (x, there), samples=5)
        found.append((report.elbo, report.bits_per_dim))
    assert found[0] == pytest.approx(found[1])
    assert found[0][1] < 2 * np.log2(V)


def test_what_are_no_tokens():
    vae = MissingDataVAE(NormalPrior(2), NormalPosterior(MLP(T, [3], 4)), made())
    with pytest.raises(ValueError, match=r"the numbers of levels, from 0 to 4, but .* to 5"):
        fit(vae, tokens() + 1, progress=False)
    with pytest.raises(ValueError, match="tokens: .* at least 2, got 1"):
        TokensLikelihood(MLP(2, [], 4), tokens=1)
