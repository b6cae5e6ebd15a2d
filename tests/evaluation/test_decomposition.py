"""The parts of a latent's KL, against posteriors whose parts are known."""

import math

import conditional
import pyro.distributions as dist
import pytest
import torch
import two_layers
from fixed_posterior import FixedPosterior, fixed_vae
from linear_gaussian import data, exact_vae
from tiny import FEATURES, binary_data

from pyrovae import VAE
from pyrovae.evaluation import kl_decomposition
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import Autoencoder, ConditionalVAE
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior, PlanarPosterior
from pyrovae.priors import NormalPrior

APART = 40.0  # standard deviations, so that no posterior overlaps another


def corners(n):
    """All corners of the cube, as often as each other."""
    grid = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * FEATURES)
    return grid.repeat(n, 1)


def test_posteriors_far_apart_say_which_datum_it_is():
    # Two independent variables, each at one of two places: I = 2 log 2, and none depends on the
    # other. That a place is of four or more data is not known from it.
    matrix = APART * torch.eye(FEATURES)[:, :2]
    found = kl_decomposition(fixed_vae(matrix), corners(3))
    assert found.data == 3 * 2**FEATURES
    # What is left of other places' densities is exp(-800): the draws do not matter.
    assert found.mutual_information.value == pytest.approx(2 * math.log(2), abs=1e-5)
    assert found.total_correlation.value == pytest.approx(0, abs=1e-5)
    assert found.mutual_information.mc_se < 1e-5


def test_two_variables_that_say_the_same_are_one_correlation():
    matrix = torch.zeros(FEATURES, 2)
    matrix[0] = APART
    found = kl_decomposition(fixed_vae(matrix), corners(2))
    assert found.mutual_information.value == pytest.approx(math.log(2), abs=1e-5)
    assert found.total_correlation.value == pytest.approx(math.log(2), abs=1e-5)


def test_where_posteriors_overlap_the_parts_are_integrals():
    shift = 1.5
    matrix = torch.zeros(FEATURES, 1)
    matrix[0] = shift
    found = kl_decomposition(fixed_vae(matrix), corners(40), samples=4)
    z = torch.linspace(-12, 14, 20_001, dtype=torch.float64)
    log_q = torch.stack(
        [dist.Normal(torch.tensor(m).double(), 1.0).log_prob(z) for m in (0.0, shift)]
    )
    log_mixture = log_q.logsumexp(0) - math.log(2)
    log_p = dist.Normal(torch.tensor(0.0).double(), 1.0).log_prob(z)
    marginal = torch.trapezoid(log_mixture.exp() * (log_mixture - log_p), z).item()
    information = torch.trapezoid((log_q.exp() * (log_q - log_mixture)).mean(0), z).item()
    for part, exact in (
        (found.marginal_kl, marginal),
        (found.mutual_information, information),
        (found.kl, shift**2 / 4),
        (found.dimension_wise_kl, marginal),
    ):
        assert abs(part.value - exact) < 6 * part.mc_se
        assert part.mc_se < 0.05
    assert found.total_correlation.value == pytest.approx(0, abs=1e-5)


def test_the_parts_add_up_and_do_not_depend_on_batches():
    vae, x = fixed_vae(torch.randn(FEATURES, 3)), binary_data(50)
    found = kl_decomposition(vae, x)
    both = found.mutual_information.value + found.marginal_kl.value
    assert found.kl.value == pytest.approx(both, abs=1e-5)
    both = found.total_correlation.value + found.dimension_wise_kl.value
    assert found.marginal_kl.value == pytest.approx(both, abs=1e-5)
    assert found.mutual_information.value <= math.log(50)
    few = kl_decomposition(vae, x, drawn=7, batch_size=9)
    assert (few.data, few.drawn, found.drawn) == (50, 7, 50)
    # Other draws of fewer data: within the errors of both.
    gap = abs(few.kl.value - found.kl.value)
    assert gap < 6 * math.hypot(few.kl.data_se, found.kl.data_se)


def test_normals_of_full_covariance_have_marginals_too():
    """As many data as it takes: with the exact posterior q(z) is the prior, and TC is nothing."""
    found = kl_decomposition(exact_vae(), data(3000), drawn=300)
    errors = math.hypot(found.total_correlation.mc_se, found.total_correlation.data_se)
    assert abs(found.total_correlation.value) < 6 * errors + 0.02  # of 3000 data
    assert abs(found.marginal_kl.value) < 6 * found.marginal_kl.data_se + 0.05
    likelihood = exact_vae().likelihood
    gram = likelihood.weight.mT @ likelihood.weight / (2 * likelihood.log_scale).exp()
    exact = 0.5 * torch.logdet(torch.eye(2).double() + gram).item()
    assert abs(found.mutual_information.value - exact) < 6 * found.kl.data_se + 0.05
    assert "undefined" not in str(found)


class Rotated(FixedPosterior):
    """The same normal, in a form of which the marginals are not known."""

    def forward(self, x):
        base = dist.Normal(x @ self.matrix, 1.0).to_event(1)
        return dist.TransformedDistribution(base, [dist.transforms.Permute(torch.tensor([1, 0]))])


def test_where_marginals_are_not_known_the_rest_is():
    matrix = APART * torch.eye(FEATURES)[:, :2]
    vae = fixed_vae(matrix)
    found = kl_decomposition(VAE(vae.prior, Rotated(matrix), vae.likelihood), corners(1))
    assert found.total_correlation is None
    assert found.dimension_wise_kl is None
    assert found.mutual_information.value == pytest.approx(2 * math.log(2), abs=1e-4)
    assert str(found).count("undefined") == 2


def test_few_data_are_warned_of():
    found = kl_decomposition(fixed_vae(APART * torch.eye(FEATURES)), corners(1))
    assert found.mutual_information.value == pytest.approx(FEATURES * math.log(2), abs=1e-4)
    assert "near log N = 2.77" in found.warnings[0]
    assert "warning" in str(found)
    assert kl_decomposition(fixed_vae(APART * torch.eye(FEATURES)), corners(4)).warnings == []


def vae_of(posterior):
    return VAE(NormalPrior(2), posterior, BernoulliLikelihood(MLP(2, [], FEATURES)))


def test_what_has_no_such_parts_is_refused():
    shape = PlanarPosterior.network_shape(2, transforms=2)
    planar = vae_of(PlanarPosterior(MLP(FEATURES, [], shape), transforms=2))
    with pytest.raises(ValueError, match="cannot evaluate its density at the draws of other data"):
        kl_decomposition(planar, binary_data())
    with pytest.raises(ValueError, match="expected a model with one latent site"):
        kl_decomposition(two_layers.bottom_up(), two_layers.data(4))
    with pytest.raises(ValueError, match="at least 2 data"):
        kl_decomposition(fixed_vae(torch.eye(FEATURES)), binary_data(1))
    autoencoder = Autoencoder(MLP(FEATURES, [], 2), BernoulliLikelihood(MLP(2, [], FEATURES)))
    with pytest.raises(ValueError, match="is flat"):
        kl_decomposition(autoencoder, binary_data())
    y = torch.arange(12) % conditional.C
    by_label = NormalPosterior(MLP(conditional.C, [], 2 * conditional.L))
    model = conditional.make()
    model = ConditionalVAE(by_label, model.posterior, model.likelihood, classes=conditional.C)
    with pytest.raises(ValueError, match="the same prior for all data"):
        kl_decomposition(model, (conditional.data(12), y))
    for name in ("samples", "drawn", "batch_size"):
        with pytest.raises(ValueError, match=f"{name}: expected at least 1, got 0"):
            kl_decomposition(
                vae_of(NormalPosterior(MLP(FEATURES, [], 4))), binary_data(), **{name: 0}
            )
