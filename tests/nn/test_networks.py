"""Networks map any leading dimensions, item by item, and conv networks meet any size."""

from copy import deepcopy
from math import prod

import pytest
import torch
from registry import NETWORKS
from torch import nn

from pyrovae.nn import MLP, Chain, ConvDecoder, ConvEncoder, Network, positive
from pyrovae.nn.batch_norm import BatchNorm1d


@pytest.mark.parametrize("leading", [(5,), (2, 3), (2, 1, 3), ()])
@pytest.mark.parametrize("name", NETWORKS)
def test_leading_dimensions_are_as_a_loop_over_items(name, leading):
    network = NETWORKS[name]().eval()
    x = torch.randn(*leading, *network.in_shape)
    y = network(x)
    assert y.shape == (*leading, *network.out_shape)
    items = x.reshape(-1, *network.in_shape)
    one_by_one = torch.stack([network(item) for item in items]).reshape(y.shape)
    # What is no category is NaN.
    torch.testing.assert_close(y, one_by_one, equal_nan=True)


@pytest.mark.parametrize("name", NETWORKS)
def test_batch_norm_sees_all_leading_dimensions_as_one_batch(name):
    network = NETWORKS[name]()
    x = torch.randn(2, 8, *network.in_shape)
    other = deepcopy(network)  # a pass may move what it divides by
    torch.manual_seed(1)
    y = network(x)
    torch.manual_seed(1)
    flat = other(x.flatten(0, 1))
    torch.testing.assert_close(y.flatten(0, 1), flat, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", NETWORKS)
def test_wrong_input_shape_is_told(name):
    network = NETWORKS[name]()
    *rest, last = network.in_shape
    wrong = torch.zeros(5, *rest, last + 1)
    kind = type(network).__name__
    expected = (
        rf"{kind}: expected an input of shape \(\*batch, .*{last}\), got \(5, .*{last + 1}\)"
    )
    with pytest.raises(ValueError, match=expected):
        network(wrong)
    with pytest.raises(ValueError, match=rf"{kind}: expected an input"):
        network(torch.zeros(()))


@pytest.mark.parametrize("name", ["MLP", "ConvEncoder"])
def test_flattened_images_are_refused(name):
    network = NETWORKS[name]()
    with pytest.raises(ValueError, match=r"\(\*batch, 1, 6, 5\), got \(4, 30\)"):
        network(torch.zeros(4, 30))


SIZES = [(1, 1), (1, 5), (2, 3), (7, 9), (28, 20)]


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("size", SIZES)
def test_convolutions_meet_any_image_size(size, layers, batch_norm):
    channels = [2, 3, 4][:layers]
    options = {"channels": channels, "batch_norm": batch_norm}
    encoder = ConvEncoder((3, *size), (2, 4), **options)
    decoder = ConvDecoder((2, 4), (3, *size), **options)
    code = encoder(torch.randn(5, 3, *size))
    assert code.shape == (5, 2, 4)
    assert decoder(code).shape == (5, 3, *size)
    # The output has the right numbers in the right places, and not merely the right count.
    assert decoder.transform(code).shape == (5, 3, *size)


@pytest.mark.parametrize("size", [(7, 9), (6, 5)])
def test_every_pixel_matters_and_is_reached(size):
    encoder = ConvEncoder((1, *size), 4, channels=(3, 3), activation="tanh")
    x = torch.randn(1, 1, *size, requires_grad=True)
    encoder(x).sum().backward()
    assert (x.grad != 0).all()
    decoder = ConvDecoder(4, (1, *size), channels=(3, 3), activation="tanh")
    one, other = decoder(torch.randn(2, 4))
    assert (one != other).all()


def test_convolutions_halve_rounding_up():
    encoder = ConvEncoder((1, 7, 9), 4, channels=(2, 3), dense=(5,))
    linear = [layer for layer in encoder.layers if isinstance(layer, nn.Linear)]
    # 7 x 9 -> 4 x 5 -> 2 x 3
    assert [(layer.in_features, layer.out_features) for layer in linear] == [(18, 5), (5, 4)]


def test_mlp_is_the_composition_it_says():
    mlp = MLP((2, 3), [4], (5, 1), activation="softplus")
    first, _, last = mlp.layers
    x = torch.randn(7, 2, 3)
    hidden = (x.reshape(7, 6) @ first.weight.T + first.bias).exp().add(1).log()
    expected = (hidden @ last.weight.T + last.bias).reshape(7, 5, 1)
    torch.testing.assert_close(mlp(x), expected)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("relu", lambda x: x.clamp(min=0)),
        ("leaky_relu", lambda x: torch.where(x > 0, x, 0.01 * x)),
        ("elu", lambda x: torch.where(x > 0, x, x.exp() - 1)),
        ("gelu", lambda x: x * torch.special.ndtr(x)),
        ("silu", lambda x: x / (1 + (-x).exp())),
        ("softplus", lambda x: (1 + x.exp()).log()),
        ("tanh", lambda x: (x.exp() - (-x).exp()) / (x.exp() + (-x).exp())),
    ],
)
def test_activations(name, formula):
    mlp = MLP(1, [1], 1, activation=name)
    for layer in (mlp.layers[0], mlp.layers[2]):
        nn.init.ones_(layer.weight)
        nn.init.zeros_(layer.bias)
    x = torch.linspace(-2, 2, 9).unsqueeze(-1)
    torch.testing.assert_close(mlp(x), formula(x))


def test_dropout_and_batch_norm_stand_where_they_are_asked_for():
    plain = MLP(3, [4, 4], 2)
    assert not any(isinstance(m, nn.Dropout | nn.BatchNorm1d) for m in plain.modules())
    both = MLP(3, [4, 4], 2, batch_norm=True, dropout=0.25)
    kinds = [type(m) for m in both.layers]
    assert kinds == [nn.Linear, BatchNorm1d, nn.ReLU, nn.Dropout] * 2 + [nn.Linear]
    assert {m.p for m in both.layers if isinstance(m, nn.Dropout)} == {0.25}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MLP(0, [4], 2), r"in_shape: expected positive sizes, got 0"),
        (lambda: MLP((2, -1), [4], 2), r"in_shape: expected positive sizes, got \(2, -1\)"),
        (lambda: MLP(3, [4], ()), r"out_shape: expected positive sizes, got \(\)"),
        (
            lambda: MLP(3, [4], 2.5),
            "out_shape: expected a whole number or a list of whole numbers, got 2.5",
        ),
        (lambda: MLP(3, [0], 2), r"hidden: expected positive layer sizes, got \[0\]"),
        (
            lambda: MLP(3, [4], 2, dropout=1.0),
            r"dropout: expected a probability in \[0, 1\), got 1.0",
        ),
        (
            lambda: MLP(3, [4], 2, activation="swish"),
            "activation: expected one of 'relu', .*'swish'",
        ),
        (lambda: ConvEncoder(30, 4), r"in_shape: a convolution expects .*, got \(30,\)"),
        (lambda: ConvEncoder((1, 2, 2, 2, 2), 4), r"in_shape: a convolution expects .* 2, 2\)"),
        (lambda: ConvEncoder((1, 6, 5), 4, channels=()), "channels: expected at least one"),
        (lambda: ConvEncoder((1, 6, 5), 4, channels=(0,)), "channels: expected positive"),
        (lambda: ConvEncoder((1, 6, 5), 4, dense=(0,)), "dense: expected positive"),
        (lambda: ConvDecoder(4, 30), r"out_shape: a convolution expects .*, got \(30,\)"),
        (lambda: ConvDecoder(4, (1, 6, 5), channels=()), "channels: expected at least one"),
        (lambda: ConvDecoder(4, (1, 6, 5), channels=(0,)), "channels: expected positive"),
        (lambda: ConvDecoder(4, (1, 6, 5), dense=(0,)), "dense: expected positive"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_users_network_may_return_any_shape_that_holds_the_numbers():
    class Doubling(Network):
        def transform(self, x):
            assert x.dim() == 1 + len(self.in_shape)
            return torch.cat([x, x], -1)

    network = Doubling((2, 3), (3, 4))
    x = torch.randn(2, 5, 2, 3)
    assert network(x).shape == (2, 5, 3, 4)
    assert prod(network.out_shape) == 2 * prod(network.in_shape)
    torch.testing.assert_close(network(x)[1, 2].flatten()[:3], x[1, 2, 0])


def test_positive_is_positive_increasing_and_grows_linearly():
    raw = torch.tensor([-1000.0, -5.0, 0.0, 5.0, 1000.0])
    scale = positive(raw)
    assert (scale > 0).all()
    assert (scale.diff() > 0).all()
    assert scale[2] == pytest.approx(0.693148, abs=1e-6)  # log 2 + 1e-6
    assert scale[4] == pytest.approx(1000.0)


def test_chain_is_the_composition_and_refuses_what_does_not_join():
    first, second = MLP((2, 3), [4], (5, 2)), MLP((5, 2), [], 7)
    chain, x = Chain([first, second]), torch.randn(4, 2, 3)
    assert (chain.in_shape, chain.out_shape) == ((2, 3), (7,))
    torch.testing.assert_close(chain(x), second(first(x)))
    with pytest.raises(ValueError, match=r"got out_shape \(7,\) followed by in_shape \(5, 2\)"):
        Chain([second, second])
    with pytest.raises(ValueError, match="at least one, got none"):
        Chain([])
    with pytest.raises(ValueError, match=r"expected a pyrovae.nn.Network.*got Linear"):
        Chain([first, nn.Linear(10, 3)])
