from math import isnan, pi, sin

import pytest
import torch
from fake_models import Fake, FakeHierarchy, batch
from torch.distributions import Independent, Normal

from pyrovae.latent_space import continuity


class Decoding:
    """Codes are the data; they decode by a function."""

    def __init__(self, function):
        self.function = function

    def encode(self, x):
        return x

    def decode(self, z):
        return Independent(Normal(self.function(z), 1.0), 1)


def test_a_linear_decoder_goes_straight_and_evenly():
    found = continuity(Fake(latent=(4,)), batch(5), batch(5, seed=1))
    assert found == pytest.approx((1.0, 1.0), abs=1e-5)


def test_one_jump_is_as_large_as_all_steps_together():
    start, end = torch.full((3, 1), -1.0), torch.full((3, 1), 2.0)
    found = continuity(Decoding(torch.sign), start, end, steps=16)
    # Step 6 of 16 passes zero; no code of the path is zero itself.
    assert found == pytest.approx((16.0, 1.0))


def test_half_a_circle_is_a_detour_but_even():
    model = Decoding(lambda z: torch.cat([z.cos(), z.sin()], dim=1))
    found = continuity(model, torch.zeros(1, 1), torch.full((1, 1), pi), steps=20)
    assert found == pytest.approx((1.0, 20 * sin(pi / 40)), abs=1e-5)


def test_short_paths_count_as_little_as_they_are_long():
    model = Decoding(lambda z: z)
    start = torch.tensor([[0.0], [0.0]])
    found = continuity(model, start, torch.tensor([[1e-6], [1.0]]))
    assert found == pytest.approx((1.0, 1.0), abs=1e-4)


def test_on_circles():
    model, start, end = Decoding(lambda z: z), torch.eye(2)[:1], torch.eye(2)[1:]
    found = continuity(model, start, end, steps=10, path="spherical")
    assert found == pytest.approx((1.0, 20 * sin(pi / 40) / 2**0.5), abs=1e-5)


def test_a_collapsed_decoder_goes_nowhere():
    found = continuity(Decoding(torch.zeros_like), torch.zeros(2, 1), torch.ones(2, 1))
    assert all(map(isnan, found))


def test_one_of_several_latents_moves():
    model, start, end = FakeHierarchy(), batch(2), batch(2, seed=1)
    assert continuity(model, start, end, site="z2") == pytest.approx((1.0, 1.0), abs=1e-5)
    with pytest.raises(ValueError, match=r"site: expected one of \['z1', 'z2'\], got None"):
        continuity(model, start, end)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"end": batch(4)}, r"the same shape, got \(3, 1, 4, 6\) and \(4, 1, 4, 6\)"),
        ({"steps": 1}, "steps: expected at least 2, got 1"),
        ({"path": "round"}, r"path: expected one of \('straight', 'spherical', .*\), got 'round'"),
    ],
)
def test_wrong_arguments(options, said):
    with pytest.raises(ValueError, match=said):
        continuity(**{"model": Fake(), "start": batch(3), "end": batch(3), **options})
