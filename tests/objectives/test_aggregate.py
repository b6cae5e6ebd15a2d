"""What all objectives that look at the aggregate posterior keep and refuse."""

import math

import linear_gaussian
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine

from pyrovae import VAE
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import (
    DIPELBO,
    ELBO,
    MMDELBO,
    RegularizedELBO,
    SlicedWassersteinELBO,
    TotalCorrelationELBO,
)
from pyrovae.objectives.distance import DistanceObjective
from pyrovae.posteriors import VonMisesPosterior, WrappedNormalPosterior
from pyrovae.priors import VonMisesPrior, WrappedNormalPrior

OBJECTIVES = {
    "TotalCorrelationELBO": lambda: TotalCorrelationELBO(data_size=20),
    "DIPELBO": lambda: DIPELBO(),
    "MMDELBO": lambda: MMDELBO(),
    "SlicedWassersteinELBO": lambda: SlicedWassersteinELBO(),
}
over_objectives = pytest.mark.parametrize("name", OBJECTIVES)


def subsampled(vae, indices):
    def model(x):
        with pyro.plate("data", len(x), subsample=indices, dim=-1) as i:
            z = pyro.sample("z", vae.prior())
            pyro.sample("x", vae.likelihood(z), obs=x[i])

    def guide(x):
        with pyro.plate("data", len(x), subsample=indices, dim=-1) as i:
            pyro.sample("z", vae.posterior(x[i]))

    return model, guide


@over_objectives
def test_subsampling_scales_the_bound_and_nothing_else(name):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data(20)
    indices = torch.tensor([3, 7, 11, 12])
    torch.manual_seed(1)
    batch = OBJECTIVES[name]().loss(vae.model, vae.guide, x[indices])
    torch.manual_seed(1)
    loss = OBJECTIVES[name]().loss(*subsampled(vae, indices), x)
    assert loss == pytest.approx(20 / 4 * batch, rel=1e-10)


def test_a_plate_that_draws_from_all_data_tells_their_number():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data(20)
    programs = subsampled(vae, torch.tensor([3, 7, 11, 12]))
    losses = []
    for objective in (TotalCorrelationELBO(), TotalCorrelationELBO(data_size=20)):
        torch.manual_seed(1)
        losses.append(objective.loss(*programs, x))
    assert losses[0] == losses[1]


def test_number_of_data_is_needed():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    with pytest.raises(ValueError, match="data_size: expected the number of training data"):
        TotalCorrelationELBO().loss(vae.model, vae.guide, x)
    with pytest.raises(ValueError, match="data_size: expected at least the batch size, 6, got 5"):
        TotalCorrelationELBO(data_size=5).loss(vae.model, vae.guide, x)


@over_objectives
def test_masked_data_and_batches_of_one_are_refused(name):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    with pytest.raises(ValueError, match="site 'z': expected at least 2 data in a batch, got 1"):
        OBJECTIVES[name]().loss(vae.model, vae.guide, x[:1])
    mask = poutine.mask(mask=torch.tensor([True, True, False, True, True, True]))
    with pytest.raises(ValueError, match="site 'z': some data are masked"):
        OBJECTIVES[name]().loss(mask(vae.model), mask(vae.guide), x)


@over_objectives
def test_a_plate_within_the_datas_is_refused(name):
    def model(x):
        with pyro.plate("data", 4, dim=-2), pyro.plate("pixels", 3, dim=-1):
            z = pyro.sample("z", dist.Normal(torch.zeros(4, 3), 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", 4, dim=-2), pyro.plate("pixels", 3, dim=-1):
            pyro.sample("z", dist.Normal(x, 1.0))

    objective = OBJECTIVES[name]()
    objective.max_plate_nesting = 2
    with pytest.raises(
        ValueError, match="site 'z': expected no plate around it other than the data plate"
    ):
        objective.loss(model, guide, torch.randn(4, 3))


@over_objectives
def test_latents_without_features(name):
    """A latent of event shape () has one feature."""

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", dist.Normal(torch.zeros(len(x)), 1.0))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Normal(0.5 * x, 0.8))

    x = torch.randn(6)
    assert math.isfinite(OBJECTIVES[name]().loss(model, guide, x))
    torch.manual_seed(1)
    one = TotalCorrelationELBO(data_size=20, beta=9.0).loss(model, guide, x)
    torch.manual_seed(1)
    # One feature has no total correlation.
    assert one == pytest.approx(ELBO().loss(model, guide, x), rel=1e-5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: TotalCorrelationELBO(beta=-1.0), "beta: expected a weight of at least 0"),
        (lambda: TotalCorrelationELBO(data_size=1), "data_size: expected at least 2, got 1"),
        (lambda: TotalCorrelationELBO(estimator="x"), "estimator: expected 'stratified' or"),
        (lambda: DIPELBO(kind="III"), "kind: expected 'I' or 'II', got 'III'"),
        (lambda: DIPELBO(diagonal=-1.0), "diagonal: expected a weight of at least 0, got -1.0"),
        (lambda: MMDELBO(mmd_weight=-1.0), "mmd_weight: expected a weight of at least 0"),
        (lambda: SlicedWassersteinELBO(projections=0), "projections: expected at least 1, got 0"),
        (lambda: MMDELBO(kernel="linear"), "kernel: expected 'imq' or 'rbf', got 'linear'"),
        (lambda: MMDELBO(bandwidth=0.0), "bandwidth: expected a positive number, got 0.0"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def of_angles():
    network = MLP(4, [], VonMisesPosterior.network_shape(2))
    likelihood = BernoulliLikelihood(MLP(2, [], 4))
    return VAE(VonMisesPrior(2), VonMisesPosterior(network), likelihood), torch.ones(6, 4)


def in_the_ball():
    network = MLP(4, [], WrappedNormalPosterior.network_shape(2))
    likelihood = BernoulliLikelihood(MLP(2, [], 4))
    return VAE(WrappedNormalPrior(2), WrappedNormalPosterior(network), likelihood), torch.ones(
        6, 4
    )


class Seen(DistanceObjective):
    """Keeps the draws that it is to compare."""

    def penalty(self, z, prior):
        self.seen = z, prior
        return z.new_zeros(z.shape[:-2])


def test_angles_are_compared_by_where_they_point():
    vae, x = of_angles()
    objective = Seen()
    objective.loss(vae.model, vae.guide, x)
    for draws in objective.seen:
        assert draws.shape == (6, 4)
        torch.testing.assert_close(draws[:, :2] ** 2 + draws[:, 2:] ** 2, torch.ones(6, 2))


@pytest.mark.parametrize("make", [DIPELBO, lambda: DIPELBO(kind="I"), RegularizedELBO])
def test_angles_have_no_covariance_and_no_square(make):
    vae, x = of_angles()
    with pytest.raises(ValueError, match="site 'z': .* angles, which repeat after a full turn"):
        make().loss(vae.model, vae.guide, x)


@pytest.mark.parametrize("make", [DIPELBO, MMDELBO, SlicedWassersteinELBO, RegularizedELBO])
def test_coordinates_of_hyperbolic_space_are_no_plain_numbers(make):
    vae, x = in_the_ball()
    with pytest.raises(ValueError, match="site 'z': .* points of hyperbolic space"):
        make().loss(vae.model, vae.guide, x)
