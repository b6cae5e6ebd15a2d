"""The protocols of deep hierarchies make models of tens of layers."""

import pytest
import torch

from benchmarks.deep_hierarchy.__main__ import PROTOCOLS, make, read, training
from pyrovae import fit

SHAPES = {"mnist": (1, 28, 28), "mnist_vectors": (1, 28, 28), "cifar10": (3, 32, 32)}


def test_every_protocol_is_known():
    assert {path.stem for path in PROTOCOLS.glob("*.yaml")} == set(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_a_protocol_makes_its_model(name):
    protocol, shape = read(name), torch.Size(SHAPES[name])
    with torch.device("meta"):  # whose weights take no memory
        model = make(protocol, shape)
    layers = protocol["hierarchy"]["layers"]
    assert len(model.blocks) == (layers if isinstance(layers, int) else sum(layers))
    assert model.data_shape == model.likelihood.data_shape == shape
    head = (PROTOCOLS / f"{name}.yaml").read_text().splitlines()[0]
    assert ("Unmeasured" in head) == (name == "cifar10")


@pytest.mark.parametrize("name", SHAPES)
def test_the_first_step_of_a_protocol_is_taken(name):
    """A limit of the gradient that is in another unit than nats would skip it."""
    protocol, shape = read(name), torch.Size(SHAPES[name])
    torch.manual_seed(0)
    model = make(protocol, shape)
    images = torch.randint(256, (2, *shape)) / 255
    if protocol["binarization"] != "none":
        images = images.round()
    options = training(protocol, 1) | {"beta": 0.5, "compile": False}
    history = fit(model, images, **options, progress=False)
    assert history.column("skipped") == [0]
