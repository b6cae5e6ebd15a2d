"""Networks whose layers have a norm of one."""

import pytest
import torch
from torch import nn

from pyrovae.nn import MLP, ConvEncoder, Log1p, SpectralNorm


def test_a_dense_layer_is_divided_by_its_largest_singular_value():
    network = MLP(5, [], 3)
    normed = SpectralNorm(network)
    layer = next(m for m in network.modules() if isinstance(m, nn.Linear))
    x = torch.randn(6, 5)
    sigma = torch.linalg.svdvals(layer.weight.detach())[0]
    torch.testing.assert_close(normed(x), x @ layer.weight.T / sigma + layer.bias)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(3, 5))
    for _ in range(200):  # the power iteration takes it up, call by call
        normed(x)
    sigma = torch.linalg.svdvals(layer.weight.detach())[0]
    # The iteration's error falls by the ratio of the singular values, squared, at each call.
    torch.testing.assert_close(
        normed(x), x @ layer.weight.T / sigma + layer.bias, rtol=1e-2, atol=1e-2
    )
    assert not torch.equal(network(x), normed(x))


def test_a_dense_network_stretches_nothing():
    normed = SpectralNorm(MLP(4, [8, 8], 3, activation="relu"))
    with torch.no_grad():
        for parameter in normed.parameters():
            parameter.mul_(10.0)
    x, y = torch.randn(2, 500, 4)
    distance = (normed(x) - normed(y)).norm(dim=1)
    # Roundings of float32.
    assert (distance <= (x - y).norm(dim=1) * (1 + 1e-5)).all()


def test_evaluation_moves_no_vector():
    normed = SpectralNorm(ConvEncoder((1, 4, 4), 3, channels=(2,))).eval()
    before = {name: b.clone() for name, b in normed.named_buffers()}
    with torch.no_grad():
        for parameter in normed.parameters():
            parameter.add_(torch.randn_like(parameter))
    normed(torch.rand(2, 1, 4, 4))
    assert all(torch.equal(b, before[name]) for name, b in normed.named_buffers())


def test_a_network_without_weights_is_refused():
    with pytest.raises(ValueError, match="expected a network with dense or convolutional layers"):
        SpectralNorm(Log1p(3))
