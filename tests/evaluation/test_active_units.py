"""Which variables of a latent carry something of the data."""

import math

import pyro.distributions as dist
import pytest
import torch
from fixed_posterior import fixed_vae
from tiny import FEATURES, binary_data
from torch import Size

from pyrovae import VAE, evaluate
from pyrovae.distributions.flow import Affine, Flow, Planar, Sylvester
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors.base import Posterior
from pyrovae.priors import NormalPrior


def test_a_constant_mean_is_no_active_unit():
    x = binary_data(30)
    matrix = torch.eye(FEATURES)[:, :3].clone()
    for inactive in range(3):
        report = evaluate(fixed_vae(matrix), x, samples=20)
        assert report.active_units == {"z": 3 - inactive}
        assert report.units == {"z": 3}
        matrix[:, inactive] = 0.0


def test_of_one_datum_they_are_undefined():
    report = evaluate(fixed_vae(torch.eye(FEATURES)[:, :3]), binary_data(1), samples=2)
    assert report.active_units == {}
    assert report.units == {"z": 3}
    assert "active units      undefined" in str(report)


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


class FlowedPosterior(Posterior):
    """q(z|x) = N(x A, 1) pushed through transforms that change nothing: its mean is not known."""

    def __init__(self, matrix, transform):
        super().__init__()
        self.register_buffer("matrix", matrix)
        self.latent_shape = Size([matrix.shape[1]])
        self.transform = transform

    def forward(self, x):
        base = dist.Normal(x @ self.matrix, 1.0).to_event(1)
        return Flow(base, [self.transform(len(x), self.latent_shape[0])])


def iaf(n, features):
    return Affine(lambda z: (torch.zeros_like(z), torch.zeros_like(z)))


def sylvester(n, features):
    nothing = torch.zeros(n, features, features)
    return Sylvester(torch.ones(n, 1, features), nothing, nothing, torch.zeros(n, features))


def planar(n, features):
    # It moves u along w until the transform has an inverse: from here, to zero.
    w = torch.ones(n, features)
    u = math.log(math.e - 1) / features * w
    return Planar(torch.zeros(n, 1), u, w)


flows = pytest.mark.parametrize("transform", [iaf, sylvester, planar])


def flowed_vae(matrix, transform):
    n = matrix.shape[1]
    likelihood = BernoulliLikelihood(MLP(n, [], FEATURES))
    return VAE(NormalPrior(n), FlowedPosterior(matrix, transform), likelihood)


@flows
@pytest.mark.parametrize("n", [12, 150])
@pytest.mark.parametrize("batch_size", [1, 100])
def test_no_unit_of_a_flow_that_says_nothing_is_active(transform, n, batch_size):
    # The means of draws vary by themselves. What is left once that is taken off has, for 12 data,
    # a standard deviation of sqrt(2 / 11) / 400 = 0.001: the threshold is ten of these.
    vae = flowed_vae(torch.zeros(FEATURES, 8), transform)
    report = evaluate(vae, binary_data(n), samples=2, batch_size=batch_size)
    assert report.active_units == {"z": 0}
    assert report.units == {"z": 8}
    assert report.kl == pytest.approx(0, abs=1e-5)
    assert [("collapsed" in warning) for warning in report.warnings] == [True]


@flows
def test_units_of_a_flow_are_counted_as_those_of_its_base(transform):
    # Bits are one in half of the data: a variance of 1/4 times the square of the weight, 0.0196
    # and 0.0025, which the mean of 400 draws finds to within 0.002 or so.
    matrix = torch.zeros(FEATURES, 5)
    for unit, weight in enumerate([1.0, 0.28, 0.1, 0.0, 0.0]):
        matrix[0, unit] = weight
    x = torch.tensor([[0.0], [1.0]]).repeat(50, FEATURES)
    report = evaluate(flowed_vae(matrix, transform), x, samples=2, batch_size=30)
    assert report.active_units == {"z": 2}
    assert report.warnings == []
