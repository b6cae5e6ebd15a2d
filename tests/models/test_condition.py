"""How data and conditions are joined."""

import pytest
import torch

from pyrovae.models.condition import Join

IMAGE = (1, 3, 2)


def test_vectors_stand_one_behind_the_other():
    join = Join(IMAGE, (4,), (10,), what="network")
    x, y = torch.randn(5, *IMAGE), torch.randn(5, 4)
    assert torch.equal(join(x, y), torch.cat([x.flatten(1), y], 1))


def test_a_vector_becomes_constant_channels_of_an_image():
    join = Join(IMAGE, (4,), (5, 3, 2), what="network")
    x, y = torch.randn(5, *IMAGE), torch.randn(5, 4)
    joined = join(x, y)
    assert torch.equal(joined[:, :1], x)
    assert torch.equal(joined[:, 1:], y[:, :, None, None].expand(5, 4, 3, 2))


def test_an_image_becomes_channels_of_an_image():
    join = Join(IMAGE, (2, 3, 2), (3, 3, 2), what="network")
    x, y = torch.randn(5, *IMAGE), torch.randn(5, 2, 3, 2)
    assert torch.equal(join(x, y), torch.cat([x, y], 1))
    flat = Join(IMAGE, (2, 3, 2), None, what="network")
    assert torch.equal(flat(x, y), torch.cat([x.flatten(1), y.flatten(1)], 1))


@pytest.mark.parametrize("declared", [(10,), (5, 3, 2)])
@pytest.mark.parametrize(
    ("one", "other"), [((5,), (5,)), ((7, 5), (5,)), ((5,), (4, 1)), ((2, 1, 5), (4, 1))]
)
def test_particles_and_enumerated_values_broadcast(declared, one, other):
    join = Join(IMAGE, (4,), declared, what="network")
    x, y = torch.randn(*one, *IMAGE), torch.randn(*other, 4)
    batch = torch.broadcast_shapes(one, other)
    expected = join(x.expand(*batch, *IMAGE).flatten(0, -4), y.expand(*batch, 4).flatten(0, -2))
    assert join(x, y).shape == (*batch, *declared)
    assert torch.equal(join(x, y).flatten(0, len(batch) - 1), expected)


def test_a_network_may_do_without_where_it_is_told_so():
    x, y = torch.randn(5, 6), torch.randn(5, 4)
    assert Join((6,), (4,), (6,), what="network", optional=True)(x, y) is x
    with pytest.raises(ValueError, match=r"network: expected one of \(6,\) with a condition"):
        Join((6,), (4,), (6,), what="network")


@pytest.mark.parametrize("declared", [(9,), (11,), (1, 3, 2), (4, 3, 2), (5, 2, 3), (5, 6)])
def test_a_network_without_room_is_refused(declared):
    with pytest.raises(ValueError, match=r"with a condition of \(4,\), \(10,\) or \(5, 3, 2\)"):
        Join(IMAGE, (4,), declared, what="network")
