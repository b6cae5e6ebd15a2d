import pyro
import torch

from pyrovae.scope import isolated

CPU = torch.device("cpu")


def test_parameter_store_is_given_back():
    pyro.param("mine", torch.tensor(1.0))
    with isolated(CPU):
        assert "mine" not in pyro.get_param_store()
        pyro.param("theirs", torch.tensor(2.0))
    assert list(pyro.get_param_store()) == ["mine"]


def test_with_a_seed_the_generator_is_given_back():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    draws = []
    for seed in (1, 1, 2):
        with isolated(CPU, seed):
            draws.append(torch.rand(3))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_without_a_seed_the_callers_numbers_are_used_and_moved_on():
    torch.manual_seed(5)
    one, two = torch.rand(2, 3)
    torch.manual_seed(5)
    with isolated(CPU):
        assert torch.equal(torch.rand(3), one)
    assert torch.equal(torch.rand(3), two)
