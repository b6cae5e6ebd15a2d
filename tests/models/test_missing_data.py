"""Values that are missing must not matter, and masks that do not fit are refused."""

import math

import pyro
import pytest
import torch
from likelihood_registry import DRAWN, PENALIZED
from missing_data import binary, exact, linear_data, of
from registry import DATA, LATENT, LIKELIHOODS, data_for

from pyrovae import fit, load, save
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import MissingDataVAE
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior, UniformSpherePrior

WHOLE = PENALIZED | DRAWN | {"MultinomialLikelihood"}
FACTORISED = {name: make for name, make in LIKELIHOODS.items() if name not in WHOLE}


def loss_and_gradients(model, *batch, objective=None):
    torch.manual_seed(3)
    objective = objective or ELBO(num_particles=2)
    loss = objective.differentiable_loss(model.model, model.guide, *batch)
    found = torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True)
    return [loss.detach(), *found]


@pytest.mark.parametrize("name", FACTORISED)
def test_values_that_are_missing_do_not_matter(name):
    """Neither in the bound nor in its gradients, under the checks of torch and Pyro."""
    model, x = of(FACTORISED[name](), channels=2), data_for(name, (5,))
    mask = torch.rand(5, *DATA) < 0.6
    expected = loss_and_gradients(model, x, mask)
    assert all(value.isfinite().all() for value in expected)
    assert any(gradient.any() for gradient in expected[1:])
    for other in (math.nan, math.inf, -7.3):
        found = loss_and_gradients(model, torch.where(mask, x, other), mask)
        for a, b in zip(found, expected, strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("name", FACTORISED)
def test_the_density_is_the_product_over_the_observed_values(name):
    likelihood, x = FACTORISED[name](), data_for(name, (5,))
    z, mask = torch.randn(3, 5, LATENT), torch.rand(5, *DATA) < 0.6
    model = of(likelihood)
    with pyro.condition(data={"z": z}), pyro.plate("draws", 3, dim=-2):
        p = pyro.poutine.trace(model.model).get_trace(x, mask).nodes["x"]["fn"]
    assert p.batch_shape == (3, 5)
    assert p.event_shape == DATA
    each = likelihood(z).base_dist.log_prob(x)
    torch.testing.assert_close(p.log_prob(x), (each * mask).flatten(-3).sum(-1))
    assert p.support.check(torch.where(mask, x, math.nan)).all()


def test_a_likelihood_that_does_not_factorise_is_refused():
    model = of(LIKELIHOODS["MultinomialLikelihood"]())
    x = data_for("MultinomialLikelihood", (5,))
    with pytest.raises(ValueError, match="independent variables.* got CountsGivenTotal"):
        fit(model, (x, x > 0), epochs=1, progress=False)


def test_without_a_mask_all_is_observed():
    for channels in (1, 2):
        model, x = of(BernoulliLikelihood(MLP(LATENT, [], DATA)), channels=channels), binary(5)
        everything = torch.ones(5, *DATA, dtype=torch.bool)
        for a, b in zip(
            loss_and_gradients(model, x), loss_and_gradients(model, x, everything), strict=True
        ):
            torch.testing.assert_close(a, b)


def test_one_mask_for_all_channels_of_a_pixel():
    shape = (3, 2, 2)
    posterior = NormalPosterior(MLP((6, 2, 2), [4], 4))
    model = MissingDataVAE(NormalPrior(2), posterior, BernoulliLikelihood(MLP(2, [], shape)))
    x, mask = torch.rand(5, *shape), torch.rand(5, 1, 2, 2) < 0.5
    expected = loss_and_gradients(model, x, mask.expand(5, *shape))
    for a, b in zip(loss_and_gradients(model, x, mask), expected, strict=True):
        torch.testing.assert_close(a, b)
    assert model.impute(x, mask, samples=3).shape == x.shape


def test_only_a_network_that_reads_the_mask_tells_zeros_from_missing_values():
    x, mask = torch.zeros(5, *DATA), torch.rand(5, *DATA) < 0.5
    everything = torch.ones_like(mask)
    for channels in (1, 2):
        model = of(BernoulliLikelihood(MLP(LATENT, [], DATA)), channels=channels)
        same = torch.equal(model.encode(x, mask), model.encode(x, everything))
        assert same is (channels == 1)


@pytest.mark.parametrize(
    ("mask", "got"),
    [
        (torch.ones(5, *DATA), "float32 of shape"),
        (torch.ones(5, 6, 5, dtype=torch.bool), r"of shape \(5, 6, 5\)"),
        (torch.ones(4, *DATA, dtype=torch.bool), r"of shape \(4, 1, 6, 5\)"),
        (torch.ones(1, *DATA, dtype=torch.bool), r"of shape \(1, 1, 6, 5\)"),
        (torch.ones(5, 1, 6, 4, dtype=torch.bool), r"of shape \(5, 1, 6, 4\)"),
    ],
)
def test_masks_that_do_not_fit(mask, got):
    model, x = of(BernoulliLikelihood(MLP(LATENT, [], DATA))), binary(5)
    said = rf"mask: expected bool of shape \(5, 1, 6, 5\).*{got}"
    for call in (model.model, model.guide, model.encode, model.impute):
        with pytest.raises(ValueError, match=said):
            call(x, mask)


def test_parts_that_do_not_fit():
    likelihood = BernoulliLikelihood(MLP(2, [], 4))
    for read in (5, 12):
        with pytest.raises(
            ValueError,
            match=rf"datum: expected the same shape .*, got posterior \({read},\), likelihood \(4",
        ):
            MissingDataVAE(NormalPrior(2), NormalPosterior(MLP(read, [], 4)), likelihood)
    with pytest.raises(ValueError, match="latent: expected the same shape in all parts"):
        MissingDataVAE(NormalPrior(3), NormalPosterior(MLP(4, [], 4)), likelihood)
    with pytest.raises(ValueError, match="NormalPosterior under UniformSpherePrior"):
        MissingDataVAE(UniformSpherePrior(2), NormalPosterior(MLP(4, [], 4)), likelihood)
    with pytest.raises(ValueError, match="samples: expected at least 1, got 0"):
        exact().impute(*linear_data(), samples=0)


def test_queries_and_files(tmp_path):
    for channels in (1, 2):
        model, x = of(BernoulliLikelihood(MLP(LATENT, [], DATA)), channels=channels), binary(6)
        mask = torch.rand(6, *DATA) < 0.5
        assert model.data_shape == DATA
        assert model.encode(x, mask).shape == (6, LATENT)
        assert model.reconstruct(x, mask).shape == model.reconstruct(x).shape == (6, *DATA)
        assert model.sample(4).shape == (4, *DATA)
        assert model.decode(torch.randn(6, LATENT)).event_shape == DATA
        save(model, tmp_path / "model.pt")
        loaded = load(tmp_path / "model.pt")
        torch.testing.assert_close(loaded.encode(x, mask), model.encode(x, mask))
