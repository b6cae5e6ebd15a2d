import pytest
import torch
from torch.nn.functional import softplus

from pyrovae.likelihoods import (
    BernoulliLikelihood,
    ContinuousBernoulliLikelihood,
    NormalLikelihood,
)
from pyrovae.nn import MLP

DATA = (1, 3, 2)


def test_bernoulli_mean_is_the_sigmoid_of_the_network():
    network = MLP(2, [4], DATA)
    z = torch.randn(5, 2)
    mean = 1 / (1 + (-network(z)).exp())
    p = BernoulliLikelihood(network)(z)
    torch.testing.assert_close(p.mean, mean)
    x = torch.rand(5, *DATA)
    expected = (x * mean.log() + (1 - x) * (1 - mean).log()).flatten(1).sum(1)
    torch.testing.assert_close(p.log_prob(x), expected)


def test_continuous_bernoulli_adds_the_normalising_constant():
    network = MLP(2, [4], DATA).double()
    z = torch.randn(5, 2).double() * 3
    lam = 1 / (1 + (-network(z)).exp())
    x = torch.rand(5, *DATA).double()
    constant = 2 * torch.atanh(1 - 2 * lam) / (1 - 2 * lam)
    each = constant.log() + x * lam.log() + (1 - x) * (1 - lam).log()
    p = ContinuousBernoulliLikelihood(network)(z)
    # PyTorch takes a Taylor expansion where lambda is within 0.001 of one half.
    torch.testing.assert_close(p.log_prob(x), each.flatten(1).sum(1), rtol=1e-5, atol=1e-5)


def normal_log_prob(x, loc, scale):
    each = -0.5 * ((x - loc) / scale) ** 2 - (scale * (2 * torch.pi) ** 0.5).log()
    return each.flatten(1).sum(1)


def test_normal_with_a_fixed_scale():
    network = MLP(2, [4], DATA)
    z, x = torch.randn(5, 2), torch.randn(5, *DATA)
    likelihood = NormalLikelihood(network, scale=0.5)
    expected = normal_log_prob(x, network(z), torch.tensor(0.5))
    torch.testing.assert_close(likelihood(z).log_prob(x), expected)
    assert len(list(likelihood.parameters())) == len(list(network.parameters()))


def test_normal_with_a_learned_scale():
    network = MLP(2, [4], DATA)
    z, x = torch.randn(5, 2), torch.randn(5, *DATA)
    likelihood = NormalLikelihood(network, min_scale=0.1)
    with torch.no_grad():
        likelihood.raw_scale.fill_(0.7)
    scale = softplus(torch.tensor(0.7)) + 1e-6 + 0.1
    torch.testing.assert_close(likelihood(z).log_prob(x), normal_log_prob(x, network(z), scale))


def test_normal_with_a_predicted_scale():
    network = MLP(2, [4], (4, 3, 2))
    z, x = torch.randn(5, 2), torch.randn(5, 2, 3, 2)
    likelihood = NormalLikelihood(network, scale="predicted", min_scale=0.1)
    y = network(z)
    scale = softplus(y[:, 2:]) + 1e-6 + 0.1
    assert likelihood.data_shape == (2, 3, 2)
    torch.testing.assert_close(likelihood(z).log_prob(x), normal_log_prob(x, y[:, :2], scale))


def test_normal_scale_does_not_fall_below_the_smallest():
    likelihood = NormalLikelihood(MLP(2, [4], DATA), min_scale=0.01)
    with torch.no_grad():
        likelihood.raw_scale.fill_(-1000.0)
    assert likelihood(torch.randn(5, 2)).stddev.min().item() == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize(
    ("out_shape", "scale", "message"),
    [
        (
            DATA,
            "guessed",
            "scale: expected a number or one of 'learned', 'per_feature', 'predicted' or .* got 'g",
        ),
        (DATA, 0.0, "scale: expected a positive number, got 0.0"),
        (DATA, float("nan"), "scale: expected a positive number, got nan"),
        (DATA, "predicted", r"divides by 2 \(locations, then scales\), got \(1, 3, 2\)"),
    ],
)
def test_wrong_arguments_are_named(out_shape, scale, message):
    with pytest.raises(ValueError, match=message):
        NormalLikelihood(MLP(2, [4], out_shape), scale=scale)
