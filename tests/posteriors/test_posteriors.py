import pytest
import torch
from torch.nn.functional import softplus

from pyrovae.nn import MLP
from pyrovae.posteriors import LowRankNormalPosterior, NormalPosterior


def test_normal_posterior_is_means_then_scales():
    network = MLP(4, [3], 6)
    x = torch.randn(5, 4)
    loc, raw = network(x)[:, :3], network(x)[:, 3:]
    q = NormalPosterior(network)(x)
    torch.testing.assert_close(q.mean, loc)
    torch.testing.assert_close(q.stddev, softplus(raw) + 1e-6)


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_low_rank_covariance(rank):
    network = MLP(4, [3], 3 * (2 + rank))
    x = torch.randn(5, 4)
    y = network(x)
    scale = softplus(y[:, 3:6]) + 1e-6
    factor = y[:, 6:].reshape(5, 3, rank)  # row by row
    covariance = factor @ factor.mT + torch.diag_embed(scale**2)
    q = LowRankNormalPosterior(network, rank=rank)(x)
    torch.testing.assert_close(q.mean, y[:, :3])
    torch.testing.assert_close(q.covariance_matrix, covariance)
    z = torch.randn(5, 3)
    expected = torch.distributions.MultivariateNormal(y[:, :3], covariance).log_prob(z)
    torch.testing.assert_close(q.log_prob(z), expected, rtol=1e-4, atol=1e-4)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="rank: expected positive sizes, got 0"):
        LowRankNormalPosterior(MLP(4, [], 6), rank=0)
    with pytest.raises(ValueError, match=r"expected an out_shape of 2 numbers.*got \(3, 2\)"):
        NormalPosterior(MLP(4, [], (3, 2)))
