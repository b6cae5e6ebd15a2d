"""Which variables of a latent carry something of the data."""

import torch
from fixed_posterior import fixed_vae
from tiny import FEATURES, binary_data

from pyrovae import evaluate


def test_a_constant_mean_is_no_active_unit():
    x = binary_data(30)
    matrix = torch.eye(FEATURES)[:, :3].clone()
    for inactive in range(3):
        report = evaluate(fixed_vae(matrix), x, samples=20)
        assert report.active_units == {"z": 3 - inactive}
        assert report.units == {"z": 3}
        matrix[:, inactive] = 0.0


def test_a_unit_is_active_above_a_variance_of_one_hundredth():
    # A bit that is one in half of the data has variance 1/4: 0.19^2 / 4 < 0.01 < 0.21^2 / 4.
    x = torch.tensor([[0.0], [1.0]]).repeat(10, FEATURES)
    matrix = torch.zeros(FEATURES, 2)
    matrix[0] = torch.tensor([0.19, 0.21])
    assert evaluate(fixed_vae(matrix), x, samples=2, batch_size=3).active_units == {"z": 1}


def test_the_variance_is_that_over_all_batches():
    # Constant within each batch of ten and different between the two.
    x = torch.cat([torch.zeros(10, FEATURES), torch.ones(10, FEATURES)])
    report = evaluate(fixed_vae(torch.eye(FEATURES)), x, samples=2, batch_size=10)
    assert report.active_units == {"z": FEATURES}
