"""Residual networks: any size, near the identity at first, and the same with checkpoints."""

from functools import partial
from math import prod

import pytest
import torch
from registry import DATA
from stepping import agree
from torch.nn.functional import pixel_unshuffle, scaled_dot_product_attention

from pyrovae import VAE, fit, load, save
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import (
    Bottleneck,
    BottleneckBlock,
    ResidualBlock,
    ResidualDecoder,
    ResidualEncoder,
    SelfAttention,
)
from pyrovae.nn.squares import pixels_of, squares_of
from pyrovae.objectives import ELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

CONVOLUTIONS = (torch.nn.Conv1d, torch.nn.Conv2d, torch.nn.Conv3d)
NORMS = ["none", "weight", "spectral"]


def vae(**options):
    """Over maps: images of 2 x 3 pixels are halved to 1 x 2."""
    encoder = ResidualEncoder(DATA, (4, *small()), channels=(4, 6), **options)
    decoder = ResidualDecoder((2, *small()), DATA, channels=(6, 4), **options)
    return VAE(NormalPrior((2, *small())), NormalPosterior(encoder), BernoulliLikelihood(decoder))


def small():
    return tuple((n + 1) // 2 for n in DATA[1:])


@pytest.mark.parametrize("shape", [(1, 9), (3, 5, 8), (1, 1, 1), (2, 3, 2, 5)])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_any_size_is_met(shape, levels):
    channels = [4] * levels
    lowest = shape[1:]
    for _ in range(levels - 1):
        lowest = tuple((n + 1) // 2 for n in lowest)
    x = torch.randn(2, 3, *shape)
    encoder = ResidualEncoder(shape, (6, *lowest), channels=channels)
    assert encoder(x).shape == (2, 3, 6, *lowest)
    assert ResidualEncoder(shape, 5, channels=channels)(x).shape == (2, 3, 5)
    z = torch.randn(2, 3, 6, *lowest)
    assert ResidualDecoder((6, *lowest), shape, channels=channels)(z).shape == x.shape
    assert ResidualDecoder(5, shape, channels=channels)(torch.randn(2, 3, 5)).shape == x.shape


BLOCKS = [ResidualBlock, SelfAttention, partial(BottleneckBlock, width=3)]


@pytest.mark.parametrize("kind", BLOCKS)
def test_a_branch_begins_in_proportion_to_its_share(kind):
    h = torch.randn(2, 8, 4, 3).double()
    added = []
    for share in (1.0, 0.25):
        torch.manual_seed(1)
        block = kind(8, share=share).double()
        added.append(block(h) - h)
    torch.testing.assert_close(added[1], 0.25 * added[0])


def test_a_deep_network_begins_with_a_signal_of_its_inputs_size():
    """Each of 64 branches that were as large as the signal would double its variance."""
    torch.manual_seed(0)
    network = ResidualEncoder((3, 8, 8), (2, 8, 8), channels=(16,), blocks=64)
    h = network.first(torch.randn(4, 3, 8, 8))
    with torch.no_grad():
        ratio = network.run(h).std() / h.std()
    assert 0.5 < ratio < 2


@pytest.mark.parametrize("shape", [(8, 5), (8, 3, 4), (8, 1, 1), (8, 2, 3, 2)])
@pytest.mark.parametrize("options", [{}, {"checkpointing": True}, {"weight_norm": "weight"}])
def test_a_bottleneck_is_four_convolutions_to_which_nothing_is_added(shape, options):
    x = torch.randn(2, 5, *shape).double()
    for n_out in (8, 6):
        network = Bottleneck(shape, (n_out, *shape[1:]), width=3, **options).double()
        found = network.layers(x.flatten(0, 1)).unflatten(0, (2, 5))
        torch.testing.assert_close(network(x), found)
        kernels = [layer for layer in network.layers if isinstance(layer, CONVOLUTIONS)]
        seen = [layer.weight.shape[1] for layer in kernels]
        assert seen[-3:] == [3, 3, 3]  # the kernels see so many channels


@pytest.mark.parametrize("shape", [(2, 12), (2, 8, 12), (1, 4, 8, 12)])
@pytest.mark.parametrize("patch", [1, 2, 4])
def test_squares_of_pixels_become_channels_and_back(shape, patch):
    x = torch.arange(3.0 * prod(shape)).reshape(3, *shape)
    h = squares_of(x, patch)
    assert h.shape == (3, shape[0] * patch ** len(shape[1:]), *(n // patch for n in shape[1:]))
    # A place has the pixels of its square, channel by channel and row by row.
    corner = x[(slice(None), slice(None), *[slice(patch)] * len(shape[1:]))]
    torch.testing.assert_close(h.flatten(2)[..., 0], corner.flatten(1), rtol=0, atol=0)
    torch.testing.assert_close(pixels_of(h, patch), x, rtol=0, atol=0)
    if len(shape) == 3:
        torch.testing.assert_close(h, pixel_unshuffle(x, patch), rtol=0, atol=0)


def test_a_residual_network_may_read_and_return_squares():
    x = torch.randn(2, 1, 8, 12)
    encoder = ResidualEncoder((1, 8, 12), (3, 1, 2), channels=(4, 4), patch=4)
    assert encoder.sizes == [(2, 3), (1, 2)]
    decoder = ResidualDecoder((3, 1, 2), (1, 8, 12), channels=(4, 4), patch=4)
    assert decoder(encoder(x)).shape == x.shape


@pytest.mark.parametrize("kind", [ResidualEncoder, ResidualDecoder])
def test_blocks_with_bottlenecks_multiply_less(kind):
    def weights(**options):
        ends = ((3, 8, 8), (4, 8, 8)) if kind is ResidualEncoder else ((4, 8, 8), (3, 8, 8))
        network = kind(*ends, channels=(16,), blocks=2, **options)
        assert network(torch.randn(2, *ends[0])).shape == (2, *ends[1])
        return sum(p.numel() for p in network.layers.parameters())

    # 2 x 9 x 16 x 16 against 2 x 16 x 4 + 2 x 9 x 4 x 4 for each block, biases aside.
    assert weights(bottleneck=4) < weights() / 8


def test_attention_is_that_of_torch():
    block = SelfAttention(8, dimensions=2).double()
    h = torch.randn(2, 8, 3, 2).double()
    q, k, v = (t.mT for t in block.read(block.norm(h)).flatten(2).chunk(3, 1))
    expected = scaled_dot_product_attention(q, k, v).mT.reshape(h.shape)
    torch.testing.assert_close(block(h), h + block.last(expected))


def test_attention_reads_from_every_place():
    block = SelfAttention(8, dimensions=1)
    h = torch.randn(1, 8, 5, requires_grad=True)
    (block(h)[0, :, 0] - h[0, :, 0]).sum().backward()
    assert (h.grad[0].abs().sum(0) > 0).all()


def gradients(network, x):
    network.zero_grad()
    loss = (network(x) ** 2).sum()
    loss.backward()
    return {name: p.grad.clone() for name, p in network.named_parameters()}


def saved(network, x):
    """How many numbers autograd keeps for the backward pass, those of the weights aside."""
    weights = {p.data_ptr() for p in network.parameters()}
    kept = {}

    def pack(tensor):
        if tensor.data_ptr() not in weights:
            kept[tensor.data_ptr()] = tensor.numel()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        network(x)
    return sum(kept.values())


def test_checkpoints_keep_less_and_change_nothing():
    network = ResidualEncoder((3, 8, 8), 4, channels=(8, 8), blocks=3).double()
    x = torch.randn(4, 3, 8, 8).double()
    without, memory = gradients(network, x), saved(network, x)
    network.checkpointing = True
    assert saved(network, x) < memory / 2
    for name, gradient in gradients(network, x).items():
        torch.testing.assert_close(gradient, without[name])


@pytest.mark.parametrize("options", [{}, {"checkpointing": True}, {"weight_norm": "weight"}])
def test_the_compiled_step_is_the_eager_one(options, only_traced):
    agree(vae(attention=True, **options), ELBO())


def test_the_compiled_step_moves_the_estimate_of_a_spectral_norm(only_traced):
    start = agree(vae(weight_norm="spectral"), ELBO())
    assert any(name.endswith("_u") for name in start)


@pytest.mark.parametrize("norm", NORMS)
def test_normalised_weights_survive_a_checkpoint(norm, tmp_path):
    model = vae(weight_norm=norm)
    x = torch.rand(12, *DATA).round()
    fit(model, x, epochs=1, batch_size=6, compile=False, progress=False)
    save(model, tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt")
    assert torch.equal(loaded.encode(x), model.encode(x))


def test_spectrally_normalised_weights_have_a_norm_of_one():
    network = ResidualEncoder((3, 4, 4), 4, channels=(8,), weight_norm="spectral")
    for _ in range(100):  # each forward pass takes a step of the power iteration
        network(torch.randn(1, 3, 4, 4))
    weight = network.first.weight.flatten(1)
    torch.testing.assert_close(
        torch.linalg.matrix_norm(weight, 2), torch.tensor(1.0), rtol=1e-2, atol=0
    )


def test_normalised_weights_forget_their_length():
    network = ResidualEncoder((3, 4, 4), 4, channels=(8,), weight_norm="weight").double()
    x = torch.randn(2, 3, 4, 4).double()
    before = network(x)
    with torch.no_grad():
        network.first.parametrizations.weight.original1 *= 7
    torch.testing.assert_close(network(x), before)


@pytest.mark.parametrize("norm", NORMS)
def test_bfloat16_and_double(norm):
    network = ResidualEncoder((3, 4, 4), 4, channels=(8, 8), weight_norm=norm, attention=True)
    x = torch.randn(2, 3, 4, 4)
    assert network.double()(x.double()).dtype == torch.float64
    assert network.bfloat16()(x).dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (partial(ResidualEncoder, (3, 8, 8), (2, 8, 8)), r"out_shape: .*map \(channels, 4, 4\)"),
        (partial(ResidualDecoder, (2, 3, 3), (3, 8, 8)), r"in_shape: .*got \(2, 3, 3\)"),
        (partial(ResidualEncoder, 8, 4), "in_shape: a convolution expects"),
        (partial(ResidualEncoder, (3, 8, 8), 4, channels=()), "at least one resolution"),
        (partial(ResidualEncoder, (3, 8, 8), 4, blocks=0), "blocks: expected positive sizes"),
        (partial(ResidualEncoder, (3, 8, 8), 4, activation="sine"), "activation"),
        (partial(ResidualEncoder, (3, 8, 8), 4, weight_norm="batch"), "weight_norm"),
        (partial(ResidualEncoder, (3, 8, 8), 4, bottleneck=0), "bottleneck: expected positive"),
        (partial(Bottleneck, (3, 8, 8), (3, 8, 8), width=0), "width: expected positive sizes"),
        (partial(Bottleneck, (3, 8, 8), (3, 4, 8), width=2), r"out_shape: .*\(8, 8\)"),
        (partial(Bottleneck, (3, 8, 8), (3, 8, 8), width=2, kernels=(3,)), "kernels: .*two odd"),
        (partial(Bottleneck, (3, 8, 8), (3, 8, 8), width=2, kernels=(2, 1)), "kernels: .*odd"),
        (partial(ResidualEncoder, (3, 8, 9), 4, patch=2), r"patch: .*in_shape \(3, 8, 9\), got 2"),
        (partial(ResidualDecoder, 4, (3, 8, 9), patch=2), r"patch: .*out_shape \(3, 8, 9\)"),
        (
            partial(ResidualEncoder, (3, 8, 8), 4, weight_norm="spectral", checkpointing=True),
            "checkpointing: not possible with weight_norm='spectral'",
        ),
    ],
)
def test_what_does_not_fit_is_named(make, told):
    with pytest.raises(ValueError, match=told):
        make()
