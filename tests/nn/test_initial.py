"""Weights and biases before training are what their names say, in every kind of layer."""

import pytest
import torch
from torch import nn

from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP, ConvDecoder, ConvEncoder, GatedMLP, initialize, set_output_bias

# Weights of each layer are thousands of independent draws: the standard deviation found is that
# of the law to a few per cent, eight standard errors of it.
LAYERS = {
    "dense": (nn.Linear(60, 90), 60, 90),
    "convolution": (nn.Conv2d(12, 20, 5), 12 * 25, 20 * 25),
    "transposed": (nn.ConvTranspose2d(12, 20, 4, stride=2), 12 * 16, 20 * 16),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_glorot(kind):
    layer, inputs, outputs = LAYERS[kind]
    initialize(layer, "glorot")
    most = (6 / (inputs + outputs)) ** 0.5
    w = layer.weight.detach()
    assert w.abs().max() <= most
    assert abs(w.std() / (most / 3**0.5) - 1) < 8 / (2 * w.numel()) ** 0.5
    assert not layer.bias.any()


@pytest.mark.parametrize("kind", LAYERS)
def test_he(kind):
    layer, inputs, _ = LAYERS[kind]
    initialize(layer, "he")
    if kind == "transposed":
        inputs /= 4  # strides of 2 by 2: a quarter of the kernel meets each output
    w = layer.weight.detach()
    assert abs(w.std() / (2 / inputs) ** 0.5 - 1) < 8 / (2 * w.numel()) ** 0.5
    assert not layer.bias.any()


@pytest.mark.parametrize("init", ["glorot", "he"])
@pytest.mark.parametrize(
    "make",
    [
        lambda init: MLP(6, [5], 4, init=init),
        lambda init: GatedMLP(6, [5], 4, init=init),
        lambda init: ConvEncoder((1, 8, 8), 4, channels=[3], init=init),
        lambda init: ConvDecoder(4, (1, 8, 8), channels=[3], init=init),
    ],
)
def test_networks_begin_so(make, init):
    biases = [p for name, p in make(init).named_parameters() if name.endswith("bias")]
    assert biases
    assert not any(b.any() for b in biases)
    assert any(p.any() for name, p in make("torch").named_parameters() if name.endswith("bias"))


def test_other_weights_are_refused():
    with pytest.raises(
        ValueError, match="init: expected one of 'torch', 'glorot', 'he', got 'xavier'"
    ):
        MLP(3, [4], 2, init="xavier")


def test_a_closed_gate_lets_nothing_through():
    network = GatedMLP(3, [4], 2)
    with torch.no_grad():
        network.layers[0].gate.bias.fill_(-1e4)
        network.layers[0].linear.weight.normal_()
        y = network(torch.randn(5, 3))
        torch.testing.assert_close(y, network.layers[-1].bias.expand(5, 2))
        network.layers[0].gate.bias.fill_(1e4)
        x = torch.randn(5, 3)
        linear = network.layers[-1](network.layers[0].linear(x))
        torch.testing.assert_close(network(x), linear)


@pytest.mark.parametrize(
    "network", [MLP(2, [4], (1, 4, 4)), GatedMLP(2, [4], (1, 4, 4)), ConvDecoder(2, (1, 4, 4))]
)
def test_the_likelihood_begins_at_the_mean_of_data(network):
    likelihood = BernoulliLikelihood(network)
    x = torch.rand(50, 1, 4, 4).round()
    x[:, :, 0] = 0  # no logit says a mean of 0
    likelihood.begin_at_mean(x)
    with torch.no_grad():
        for p in network.layers[-1].weight:
            p.zero_()
        found = likelihood(torch.randn(3, 2)).mean
    mean = x.mean(0).clamp(0.001, 0.999)
    if isinstance(network, ConvDecoder):
        mean = mean.logit().mean().sigmoid().expand(1, 4, 4)
    torch.testing.assert_close(found, mean.expand(3, 1, 4, 4))
    with pytest.raises(
        ValueError, match=r"x: expected data of shape \(n, 1, 4, 4\), got \(5, 4\)"
    ):
        likelihood.begin_at_mean(torch.rand(5, 4))


def test_a_network_that_ends_otherwise_is_refused():
    with pytest.raises(ValueError, match="expected a last layer with a bias for 3 outputs"):
        set_output_bias(nn.Sequential(nn.Linear(2, 3), nn.Tanh()), torch.zeros(3))
