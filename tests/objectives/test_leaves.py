"""Gradients by way of model, density and draws, taken apart and put together."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from path_programs import chain, gradient_of, vamp_vae
from programs import loss_and_gradients, mixture_vae, normal_vae
from pyro.distributions import transforms

from pyrovae import VAE
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import (
    ELBO,
    DoublyReparameterizedELBO,
    ImportanceWeightedELBO,
    LeafObjective,
    PartiallyImportanceWeightedELBO,
    ReweightedWakeSleep,
    StickingTheLandingELBO,
    ThermodynamicELBO,
)
from pyrovae.objectives.leaves import Coefficients
from pyrovae.posteriors import Posterior
from pyrovae.priors import NormalPrior


class Everything(LeafObjective):
    """All parts with the same coefficients: the ordinary gradient, by way of the leaves."""

    def coefficients(self, log_weights):
        weights = log_weights.softmax(0)
        return Coefficients(model=weights, density=weights, path=weights)


MAKERS = {"normal": normal_vae, "mixture": mixture_vae, "chain": chain, "vamp-noisy": vamp_vae}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("num_particles", [1, 4])
def test_the_parts_add_up_to_the_ordinary_gradient_draw_by_draw(name, num_particles):
    results = []
    for cls in (ImportanceWeightedELBO, Everything):
        # Made anew: batch normalisation moves at each run, and the prior reads its statistics.
        pyro.clear_param_store()
        torch.manual_seed(0)
        results.append(loss_and_gradients(cls(num_particles=num_particles), *MAKERS[name]()))
    (expected_loss, expected), (loss, got) = results
    expected, got = list(expected.values()), list(got.values())
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    for gradient, wanted in zip(got, expected, strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-5)
    assert all(gradient.any() for gradient in expected)


class FlowPosterior(Posterior):
    def __init__(self, transform):
        super().__init__()
        self.network = MLP((1, 2, 3), [4], 3)
        self.transform = transform

    def forward(self, x):
        base = dist.Normal(self.network(x), 0.5).to_event(1)
        return dist.TransformedDistribution(base, [self.transform])


def flow_vae(transform):
    likelihood = BernoulliLikelihood(MLP(3, [4], (1, 2, 3)))
    return VAE(NormalPrior(3), FlowPosterior(transform), likelihood), torch.rand(
        5, 1, 2, 3
    ).round()


LEAVES = {
    "StickingTheLandingELBO": StickingTheLandingELBO,
    "DoublyReparameterizedELBO": DoublyReparameterizedELBO,
    "PartiallyImportanceWeightedELBO": PartiallyImportanceWeightedELBO,
    "ReweightedWakeSleep": ReweightedWakeSleep,
    "ThermodynamicELBO": ThermodynamicELBO,
}


@pytest.mark.parametrize("name", LEAVES)
@pytest.mark.parametrize("transform", ["Planar", "Radial", "Sylvester"])
def test_transforms_without_inverse_are_refused(name, transform):
    options = {"count_transforms": 2} if transform == "Sylvester" else {}
    vae, x = flow_vae(getattr(transforms, transform)(3, **options))
    assert ELBO().loss_and_grads(vae.model, vae.guide, x).isfinite()
    words = "site 'z': its TransformedDistribution has a transform without an inverse"
    with pytest.raises(ValueError, match=words):
        LEAVES[name]().loss_and_grads(vae.model, vae.guide, x)


def test_a_transform_with_inverse_is_served():
    vae, x = flow_vae(transforms.affine_autoregressive(3, hidden_dims=[8]))
    torch.manual_seed(1)
    expected = gradient_of(ImportanceWeightedELBO(num_particles=3), vae, x)
    torch.manual_seed(1)
    got = gradient_of(Everything(num_particles=3), vae, x)
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-5)


def test_an_error_that_is_not_the_guides_is_passed_on():
    vae, x = flow_vae(transforms.affine_autoregressive(3, hidden_dims=[8]))

    def model(x):
        raise KeyError("of the user's own")

    with pytest.raises(KeyError, match="of the user's own"):
        StickingTheLandingELBO().loss(model, vae.guide, x)


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_rounded_draws_are_refused(name):
    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", dist.Bernoulli(0.5 * torch.ones(len(x))))
            pyro.sample("x", dist.Normal(z, 1.0), obs=x)

    def guide(x):
        with pyro.plate("data", len(x), dim=-1):
            q = dist.RelaxedBernoulliStraightThrough(torch.tensor(0.5), logits=x)
            pyro.sample("z", q)

    with pytest.raises(ValueError, match="site 'z': the draws of RelaxedBernoulliStraightThrough"):
        LEAVES[name]().loss(model, guide, torch.randn(4))
