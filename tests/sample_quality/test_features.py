"""What a network makes of data, and its name."""

import pytest
import torch
from torch import nn

from pyrovae.datasets import TensorSplit
from pyrovae.sample_quality import FeatureNetwork, Features

KNOWN = {"name": "a network", "version": "1.0"}


def network(**options):
    return FeatureNetwork(lambda x: x.flatten(1) * 2, **KNOWN | options)


def test_features_are_the_networks_in_the_order_of_the_data():
    x = torch.rand(7, 1, 2, 3)
    found = network(batch_size=3)(x)
    assert found.network == "a network 1.0"
    assert found.values.dtype == torch.float64
    assert torch.equal(found.values, (2 * x).flatten(1).double())
    labelled = TensorSplit(x, torch.arange(7))
    assert torch.equal(network()(labelled).values, found.values)
    assert torch.equal(network()((255 * x).byte()).values, 2 * ((255 * x).byte() / 255).flatten(1))


def test_features_are_kept_in_double_precision():
    single = torch.rand(5, 2, requires_grad=True)
    kept = Features(single, "a network 1.0").values
    assert kept.dtype == torch.float64
    assert not kept.requires_grad
    assert torch.equal(kept, single.detach().double())
    assert Features(torch.arange(6).view(3, 2), "a network 1.0").values.dtype == torch.float64


def test_modes_and_random_state_stay():
    net = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4), nn.Dropout(0.5)).train()
    x = torch.rand(6, 4)
    state = torch.get_rng_state()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    found = FeatureNetwork(net, **KNOWN)(x)
    assert net.training
    assert net[1].training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    # In evaluation mode nothing is dropped.
    assert torch.allclose(found.values, x.double(), atol=1e-4)
    assert not found.values.requires_grad


def test_data_that_are_binarized_at_each_draw_are_drawn_with_a_seed():
    split = TensorSplit(torch.full((50, 4), 0.5), binarization="dynamic")
    first, second, other = (network()(split, seed=seed).values for seed in (0, 0, 1))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_a_network_reads_its_own_type():
    net = nn.Linear(3, 2).double()
    assert FeatureNetwork(net, **KNOWN)(torch.rand(4, 3)).values.shape == (4, 2)


def test_what_is_no_network_or_gives_no_features_is_refused():
    for name in KNOWN:
        with pytest.raises(ValueError, match=f"{name}: expected what shall stand in every number"):
            network(**{name: " "})
    with pytest.raises(ValueError, match="batch_size"):
        network(batch_size=0)
    x = torch.rand(5, 2)
    for function, message in (
        (lambda x: x.sum(), r"expected features of shape \(5, d\), got \(\)"),
        (lambda x: x[:2], r"expected features of shape \(5, d\), got \(2, 2\)"),
        (lambda x: None, "expected features of shape"),
        (lambda x: x / 0, "expected finite values of a network 1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            FeatureNetwork(function, **KNOWN)(x)
    with pytest.raises(ValueError, match=r"expected values of shape \(N, d\)"):
        Features(torch.rand(3), "a network 1.0")
