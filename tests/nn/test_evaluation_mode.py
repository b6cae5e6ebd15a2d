import pytest
from torch import nn

from pyrovae.nn import evaluation_mode


def make():
    network = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2)))
    network[1][1].eval()
    return network


def modes(network):
    return [module.training for module in network.modules()]


def test_each_submodule_gets_its_own_mode_back():
    network = make()
    before = modes(network)
    assert True in before
    assert False in before
    with evaluation_mode(network):
        assert not any(modes(network))
    assert modes(network) == before


def test_modes_come_back_after_an_error():
    network = make()
    before = modes(network)
    with pytest.raises(RuntimeError, match="inside"), evaluation_mode(network):
        raise RuntimeError("inside")
    assert modes(network) == before


def test_what_is_no_module_is_left_alone():
    thing = object()
    with evaluation_mode(thing):
        pass
