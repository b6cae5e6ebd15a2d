import math

import pytest
import torch

from pyrovae.distributions.ball import distance
from pyrovae.latent_space import circular, hyperbolic, spherical, straight

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


def test_angles_go_the_shorter_way_round():
    way = circular(
        torch.tensor([[3.0, 0.5]]), torch.tensor([[-3.0, 0.1]]), torch.tensor([0, 0.5, 1])
    )
    half = math.pi - 3.0
    expected = torch.tensor([[[3.0, 0.5], [3.0 + half, 0.3], [-3.0, 0.1]]])
    torch.testing.assert_close(way.cos(), expected.cos())
    torch.testing.assert_close(way.sin(), expected.sin(), atol=1e-6, rtol=0)
    assert way.abs().max() <= math.pi + 1e-6


def test_a_geodesic_of_the_ball_is_even_in_its_distance_and_the_shortest():
    a, b = (codes(seed=s) / 4 for s in (0, 1))
    a, b = (v / v.norm(dim=1, keepdim=True).clamp(min=1.1) for v in (a, b))
    way = hyperbolic(a, b, WEIGHTS)
    torch.testing.assert_close(way[:, 0], a)
    torch.testing.assert_close(way[:, -1], b)
    steps = distance(way[:, :-1], way[:, 1:])
    torch.testing.assert_close(steps, (distance(a, b)[:, None] / 8).expand(-1, 8))
    # Through the centre it is a line.
    c = torch.tensor([[0.3, 0.0]]).double()
    torch.testing.assert_close(hyperbolic(-c, c, WEIGHTS[4:5]), torch.zeros(1, 1, 2).double())
