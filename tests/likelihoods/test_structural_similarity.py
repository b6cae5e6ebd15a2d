"""A loss of structural similarity beside a likelihood."""

import math

import pytest
import torch

from pyrovae import VAE, evaluate, fit, load, save
from pyrovae.likelihoods import BernoulliLikelihood, StructuralSimilarityLikelihood
from pyrovae.likelihoods.structural_similarity import EXPONENTS, SMALLEST
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

SHAPE = torch.Size([2, 8, 7])
C1, C2 = 0.01**2, 0.03**2


def made(shape=SHAPE, **options):
    return StructuralSimilarityLikelihood(BernoulliLikelihood(MLP(2, [4], shape)), **options)


def similarity(x, y, *, scales, window, sigma, c1=C1, c2=C2):
    """Of two images of one channel, position by position, as the formula stands."""
    offsets = [i - window // 2 for i in range(window)]
    bell = torch.tensor(
        [[math.exp(-(a * a + b * b) / (2 * sigma**2)) for b in offsets] for a in offsets]
    ).double()
    bell /= bell.sum()
    powers = [e / sum(EXPONENTS[:scales]) for e in EXPONENTS[:scales]]
    total = 1.0
    for j, power in enumerate(powers):
        if j:
            height, width = (n // 2 for n in x.shape)
            x, y = (
                torch.tensor(
                    [
                        [v[2 * a : 2 * a + 2, 2 * b : 2 * b + 2].mean() for b in range(width)]
                        for a in range(height)
                    ]
                ).double()
                for v in (x, y)
            )
        found = []
        for a in range(x.shape[0] - window + 1):
            for b in range(x.shape[1] - window + 1):
                u, v = (t[a : a + window, b : b + window] for t in (x, y))
                m, n = (bell * u).sum(), (bell * v).sum()
                covariance = (bell * (u - m) * (v - n)).sum()
                variances = (bell * (u - m) ** 2).sum() + (bell * (v - n) ** 2).sum()
                value = (2 * covariance + c2) / (variances + c2)
                if j == scales - 1:
                    value = value * (2 * m * n + c1) / (m * m + n * n + c1)
                found.append(value.item())
        total *= max(sum(found) / len(found), SMALLEST) ** power
    return total


@pytest.mark.parametrize(("scales", "window"), [(1, 3), (1, 5), (2, 3)])
def test_the_loss_is_the_formula(scales, window):
    options = {"scales": scales, "window": window, "sigma": 0.8}
    likelihood = made(**options).double()
    x, noise = torch.rand(3, *SHAPE).double(), torch.rand(3, *SHAPE).double()
    y = 0.8 * x + 0.2 * noise  # alike enough that nothing is below zero
    expected = [
        1 - sum(similarity(a, b, **options) for a, b in zip(*pair, strict=True)) / 2
        for pair in zip(x, y, strict=True)
    ]
    torch.testing.assert_close(likelihood.loss(x, y), torch.tensor(expected).double())
    ranged = made(**options, data_range=255.0).double()
    torch.testing.assert_close(ranged.loss(255 * x, 255 * y), likelihood.loss(x, y))


def test_cases_by_hand():
    likelihood = made((1, 176, 200)).double()
    assert sum(likelihood.exponents) == pytest.approx(1)
    x = torch.rand(1, 1, 176, 200).double()
    assert likelihood.loss(x, x).item() == pytest.approx(0, abs=1e-12)
    # Nothing but brightness differs, which counts at the coarsest scale alone.
    a, b = torch.full_like(x, 0.3), torch.full_like(x, 0.6)
    brightness = (2 * 0.18 + C1) / (0.09 + 0.36 + C1)
    power = EXPONENTS[-1] / sum(EXPONENTS)
    assert likelihood.loss(a, b).item() == pytest.approx(1 - brightness**power, rel=1e-6)


def test_what_is_opposite_has_a_slope():
    likelihood = made(window=3).double()
    x = torch.rand(2, *SHAPE).double()
    y = (1 - x).requires_grad_()
    loss = likelihood.loss(x, y)
    assert (loss > 0.99).all()
    (slope,) = torch.autograd.grad(loss.sum(), y)
    assert slope.isfinite().all()


def test_gradients_are_those_of_finite_differences():
    torch.manual_seed(0)
    likelihood = made(window=3).double()
    x, z = torch.rand(2, *SHAPE).double(), torch.randn(2, 2).double()
    # The rule of the mean of pixels in windows is exact; differences are right to some 1e-7.
    assert torch.autograd.gradcheck(lambda z: likelihood(z).log_prob(x), z.requires_grad_())


def test_it_trains_the_decoder_and_is_reported_as_undefined(tmp_path):
    likelihood = made(window=3, likelihood_weight=0.0, weight=10.0)
    model = VAE(NormalPrior(2), NormalPosterior(MLP(SHAPE, [4], 4)), likelihood)
    x = torch.rand(8, *SHAPE)
    before = [p.detach().clone() for p in model.parameters()]
    fit(model, x, epochs=2, batch_size=4, progress=False)
    assert all(not torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
    report = evaluate(model, x, samples=10)
    assert report.undefined.startswith("the likelihood of 'x' has a loss of structural similarity")
    assert report.elbo is report.log_likelihood is report.bits_per_dim is None
    assert not report.is_density
    save(model, tmp_path / "model.pt")
    loaded, model = load(tmp_path / "model.pt"), model.eval()
    z = torch.randn(3, 2)
    assert torch.equal(loaded.decode(z).log_prob(x[:3]), model.decode(z).log_prob(x[:3]))


def test_as_many_scales_as_fit():
    assert len(made((1, 28, 28)).exponents) == 2
    assert len(made((3, 64, 64)).exponents) == 3
    assert len(made((3, 176, 300)).exponents) == 5


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((8,), {}, r"expected a likelihood of images \(C, H, W\), got data of shape \(8,\)"),
        ((1, 8, 8), {}, "a window of 11 pixels fits into 0 of the five scales"),
        ((1, 28, 28), {"scales": 3}, "fits into 2 of the five scales of images of 28 x 28, got 3"),
        ((1, 8, 8), {"window": 4}, "window: expected an odd number of pixels, got 4"),
        ((1, 8, 8), {"window": 3, "scales": 0}, "scales"),
        ((1, 8, 8), {"window": 3, "sigma": 0.0}, "sigma: expected a positive number"),
        ((1, 8, 8), {"window": 3, "data_range": -1.0}, "data_range: expected a positive number"),
    ],
)
def test_wrong_arguments(shape, options, message):
    with pytest.raises(ValueError, match=message):
        made(shape, **options)
