"""Programs of one datum take any number of data: every network, and what one is made of."""

import pytest
import torch
from registry import NETWORKS
from torch.nn import functional as F

from pyrovae import VAE, export
from pyrovae.exporting.programs import PlainProgram, quiet
from pyrovae.exporting.trace import traced
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import ConvDecoder, ConvEncoder
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

#: One of each kind; the others run in `make proof`.
OFTEN = ("ConvEncoder-batch_norm", "ConvDecoder-signals", "MLP")
#: What else networks of one's own are made of, and the shape of a datum.
LAYERS = {
    "max_pool": (lambda x: F.max_pool2d(x, 2), (2, 4, 6)),
    "adaptive_avg_pool": (lambda x: F.adaptive_avg_pool2d(x, 3), (2, 4, 6)),
    "reflection_pad": (lambda x: F.pad(x, [1, 1], mode="reflect"), (2, 5)),
    "bilinear": (lambda x: F.interpolate(x, size=(5, 7), mode="bilinear"), (2, 4, 6)),
    "pixel_shuffle": (lambda x: F.pixel_shuffle(x, 2), (8, 2, 3)),
    "instance_norm": (F.instance_norm, (2, 4, 6)),
    "grouped": (lambda x: F.conv1d(x, torch.ones(4, 1, 3), groups=2), (2, 6)),
    "attention": (lambda x: F.scaled_dot_product_attention(x, x, x), (2, 5, 4)),
}


def program(run, *shape):
    return PlainProgram("decoder", lambda x: [run(x)], ("x",), (torch.rand(3, *shape),), ("y",))


def same_for_any_number(run, *shape):
    """Single precision rounds sums of some dozen terms of the order of one to 1e-6 or so."""
    exported = traced(program(run, *shape)).module()
    for n in (1, 5):
        x = torch.rand(n, *shape)
        torch.testing.assert_close(exported(x)[0], run(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in OFTEN else pytest.mark.proof) for n in NETWORKS]
)
def test_networks(name):
    """Each datum two inputs, so that a batch of data has two leading dimensions."""
    network = NETWORKS[name]()
    with quiet(network):
        same_for_any_number(network, 2, *network.in_shape)


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n == "max_pool" else pytest.mark.proof) for n in LAYERS],
)
def test_layers(name):
    run, shape = LAYERS[name]
    same_for_any_number(run, *shape)


@pytest.mark.parametrize("format", [".pt2", pytest.param(".onnx", marks=pytest.mark.proof)])
def test_a_convolutional_vae(format, tmp_path):
    """Compared with the model for several numbers of data by `export` itself, in each format."""
    if format == ".onnx":
        pytest.importorskip("onnxruntime")
    q = NormalPosterior(ConvEncoder((1, 6, 5), 4, channels=(2,), batch_norm=True))
    likelihood = BernoulliLikelihood(ConvDecoder(2, (1, 6, 5), channels=(2,), batch_norm=True))
    made = export(VAE(NormalPrior(2), q, likelihood), tmp_path / f"model{format}")
    assert made.left_out == {}
    assert made.files.keys() == {"encoder", "decoder", "sampler"}


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda x: F.conv1d(x, x[0, :, :2][None]), "expected the same weights for all data"),
        (lambda x: x + torch.randn(4), "draws random numbers"),
    ],
)
def test_what_differs_between_data_is_refused(run, message):
    with pytest.raises(NotImplementedError, match=message):
        traced(program(run, 2, 4))
