import pytest
import torch

from pyrovae.latent_space import spherical, straight

WEIGHTS = torch.linspace(0, 1, 9).double()


def codes(n=20, shape=(5,), seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, *shape, generator=generator).double()


def test_a_straight_line_is_linear_and_ends_at_the_codes():
    a, b = codes(), codes(seed=1)
    line = straight(a, b, WEIGHTS)
    assert line.shape == (20, 9, 5)
    assert torch.equal(line[:, 0], a)
    assert torch.equal(line[:, -1], b)
    torch.testing.assert_close(line[:, 2], 0.75 * a + 0.25 * b)


@pytest.mark.parametrize("shape", [(5,), (2, 3)])
def test_on_a_great_circle_norm_and_direction_change_evenly(shape):
    a, b = codes(shape=shape), codes(shape=shape, seed=1)
    way = spherical(a, b, WEIGHTS)
    assert way.shape == (20, 9, *shape)
    torch.testing.assert_close(way[:, 0], a)
    torch.testing.assert_close(way[:, -1], b)
    flat = way.flatten(2)
    ends = [code.flatten(1).norm(dim=1, keepdim=True) for code in (a, b)]
    torch.testing.assert_close(flat.norm(dim=2), torch.lerp(*ends, WEIGHTS))
    unit = flat / flat.norm(dim=2, keepdim=True)
    turns = (unit[:, 1:] * unit[:, :-1]).sum(2).arccos()
    whole = (unit[:, :1] * unit[:, -1:]).sum(2).arccos()
    torch.testing.assert_close(turns, (whole / 8).expand(-1, 8))


def test_half_a_quarter_turn():
    way = spherical(torch.tensor([[1.0, 0]]), torch.tensor([[0, 3.0]]), torch.tensor([0.5]))
    torch.testing.assert_close(way, torch.tensor([[[2.0, 2.0]]]) / 2**0.5)


@pytest.mark.parametrize("end", [[2.0, 4.0], [-1.0, -2.0], [0.0, 0.0]])
def test_without_a_circle_it_is_the_straight_line(end):
    a, b = torch.tensor([[1.0, 2.0]]), torch.tensor([end])
    torch.testing.assert_close(spherical(a, b, WEIGHTS), straight(a, b, WEIGHTS))


def test_small_angles_are_exact():
    a = torch.tensor([[1.0, 0.0]]).double()
    b = torch.tensor([[1.0, 1e-4]]).double()
    torch.testing.assert_close(
        spherical(a, b, WEIGHTS), straight(a, b, WEIGHTS), rtol=0, atol=1e-8
    )
