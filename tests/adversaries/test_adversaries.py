"""What each adversary says, and whose parameters it moves."""

import math

import pytest
import registry
import torch
from games import ADVERSARIES, DATA, LATENT, images, mlp, moved, named, seen, vae
from registry import POSTERIORS, PRIORS, fits
from torch.nn.functional import softplus

from pyrovae import VAE
from pyrovae.adversaries import (
    Adversary,
    FeatureAdversary,
    PatchAdversary,
    PriorAdversary,
    TotalCorrelationAdversary,
)
from pyrovae.adversaries.total_correlation import permuted
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.nn import MLP, PatchDiscriminator
from pyrovae.objectives import ELBO, AnalyticKLELBO

every = pytest.mark.parametrize("name", ADVERSARIES)
# The parts of the model that a penalty is to train.
TRAINS = dict.fromkeys(ADVERSARIES, ("posterior", "likelihood")) | {
    "TotalCorrelationAdversary": ("posterior",),
    "PriorAdversary": ("posterior",),
}


@every
def test_a_penalty_moves_the_parts_that_it_is_meant_for_and_all_of_each(name):
    model, adversary = vae(), ADVERSARIES[name]()
    found, _ = seen(model, images())
    adversary.penalty(found).backward()
    assert moved(model) == {n for part in TRAINS[name] for n in named(model, part)}


@every
def test_its_own_loss_moves_all_of_its_weights_and_none_of_the_models(name):
    model, adversary = vae(), ADVERSARIES[name]()
    found, _ = seen(model, images())
    adversary.own_loss(found).backward()
    assert moved(model) == set()
    assert all(p.grad is None for p in model.parameters())
    # Where no margin is reached a common shift of all logits changes no hinge.
    still = {[n for n, _ in adversary.named_parameters()][-1]} if "Patch" in name else set()
    assert moved(adversary) | still == named(adversary)


def test_the_game_of_features_trains_the_model_and_not_the_guide():
    gradients = []
    for game in (0.0, 5.0):
        torch.manual_seed(2)
        model, adversary = vae(), FeatureAdversary(mlp(DATA, 4), game=game)
        torch.manual_seed(3)
        found, _ = seen(model, images())
        adversary.penalty(found).backward()
        gradients.append({n: p.grad.clone() for n, p in model.named_parameters()})
    for name in gradients[0]:
        same = torch.equal(gradients[0][name], gradients[1][name])
        assert same == name.startswith("posterior"), name


class Codes:
    """Codes alone, as an adversary of codes sees them."""

    def __init__(self, latents):
        self.latents = latents


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_the_density_ratio_converges_to_the_total_correlation_of_a_correlated_normal(correlation):
    """KL(N(0, R), N(0, I)) of unit variances is -log det R / 2."""
    torch.manual_seed(0)
    adversary = TotalCorrelationAdversary(MLP(2, [32, 32], 1, activation="silu"))
    optim = torch.optim.Adam(adversary.parameters(), lr=5e-3)
    root = torch.linalg.cholesky(torch.tensor([[1.0, correlation], [correlation, 1.0]]))
    for _ in range(300):
        optim.zero_grad()
        adversary.own_loss(Codes(torch.randn(512, 2) @ root.T)).backward()
        optim.step()
    exact = -math.log(1 - correlation**2) / 2
    with torch.no_grad():
        estimate = adversary.penalty(Codes(torch.randn(20000, 2) @ root.T)).item()
        # The log ratio at a point far out, where the correlation shows most.
        ratio = adversary.network(torch.tensor([[1.0, 1.0], [1.0, -1.0]])).squeeze(1)
    # A network of this size after so few steps is within a tenth of a nat, as it is for both.
    assert estimate == pytest.approx(exact, abs=0.1)
    joint = torch.distributions.MultivariateNormal(torch.zeros(2), scale_tril=root)
    normal = torch.distributions.Normal(0.0, 1.0)
    points = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    expected = joint.log_prob(points) - normal.log_prob(points).sum(1)
    torch.testing.assert_close(ratio, expected, rtol=0, atol=0.4)


def test_permuted_codes_keep_each_feature_and_break_the_rows():
    z = torch.arange(60.0).view(20, 3)
    found = permuted(z)
    assert torch.equal(found.sort(dim=0).values, z)
    assert not torch.equal(found, z)
    maps = torch.arange(240.0).view(20, 3, 2, 2)
    assert permuted(maps).shape == maps.shape


@pytest.mark.parametrize("prior", PRIORS)
def test_any_prior_is_matched_by_its_draws(prior):
    posterior = next(name for name in POSTERIORS if fits(prior, name))
    q = POSTERIORS[posterior]()
    model = VAE(PRIORS[prior](q), q, NormalLikelihood(mlp(LATENT, registry.DATA)))
    x = torch.rand(6, *registry.DATA)
    found, _ = seen(model, x)
    network = mlp(LATENT, 1)
    adversary = PriorAdversary(network)
    draws = found.prior_draws
    assert draws.shape == (6, LATENT)
    assert not draws.requires_grad
    own = adversary.own_loss(found)
    z = found.latents.detach()
    expected = (softplus(-network(draws)).mean() + softplus(network(z)).mean()) / 2
    torch.testing.assert_close(own, expected)
    assert adversary.penalty(found).isfinite()


def test_an_adaptive_weight_by_hand():
    model, x = vae(), images()
    adversary = PatchAdversary(mlp(DATA, 2))
    found, _ = seen(model, x)
    layer = [p for p in model.likelihood.parameters() if p.dim() > 1][-1]
    mean = found.reconstructions
    likelihood = -((x - mean).square().sum((1, 2, 3)) / 2).mean()  # and a constant
    game = -adversary.network(mean).mean()
    norms = [
        torch.autograd.grad(loss, layer, retain_graph=True)[0].norm()
        for loss in (likelihood, game)
    ]
    expected = norms[0] / (norms[1] + 1e-4) * game
    torch.testing.assert_close(adversary.penalty(found), expected)
    # No gradient through the weight: a derivative of the game alone, so weighted.
    (gradient,) = torch.autograd.grad(game, layer, retain_graph=True)
    adversary.penalty(found).backward()
    torch.testing.assert_close(layer.grad, gradient * norms[0] / (norms[1] + 1e-4))


def test_hinge_loss_by_hand():
    model, x = vae(), images()
    network = mlp(DATA, 2)
    found, _ = seen(model, x)
    made = network(found.reconstructions.detach())
    expected = ((1 - network(x)).clamp(min=0).mean() + (1 + made).clamp(min=0).mean()) / 2
    torch.testing.assert_close(PatchAdversary(network).own_loss(found), expected)


def test_patches_of_an_image_are_judged_by_themselves():
    network = PatchDiscriminator((2, 16, 16), channels=(3, 4)).eval()
    x = torch.rand(1, 2, 16, 16)
    other = x.clone()
    other[..., :2, :2] += 1.0
    assert network.out_shape == (1, 4, 4)
    changed = network(x) != network(other)
    # A logit reads 18 x 18 pixels around its own four: a corner does not reach the opposite one.
    assert changed[0, 0, 0, 0]
    assert not changed[0, 0, 3, 3]
    with pytest.raises(ValueError, match="in_shape: expected images of at least 8 x 8"):
        PatchDiscriminator((1, 4, 9))


@pytest.mark.parametrize("objective", [ELBO(num_particles=3), AnalyticKLELBO()], ids=repr)
def test_several_draws_are_rows(objective):
    found, _ = seen(vae(), images(), objective)
    rows = 12 * objective.num_particles
    assert found.latents.shape == (rows, LATENT)
    assert found.reconstructions.shape == (rows, *DATA)
    for name in ADVERSARIES:
        assert ADVERSARIES[name]().penalty(found).isfinite()


def test_features_of_each_draw_are_compared_with_those_of_its_datum():
    x = images()
    found, _ = seen(vae(), x, ELBO(num_particles=3))
    adversary = FeatureAdversary(mlp(DATA, 4), game=0.0)
    draws = found.reconstructions.view(3, 12, *DATA)
    each = [(adversary.features(x) - adversary.features(draw)).square().sum(-1) for draw in draws]
    torch.testing.assert_close(adversary.penalty(found), torch.cat(each).mean() / 2)
    torch.testing.assert_close(found.decoded, found.reconstructions)


def test_one_datum_has_no_other_to_shuffle_its_code_with():
    found, _ = seen(vae(), images(1))
    with pytest.raises(ValueError, match="expected at least 2 data in a batch"):
        ADVERSARIES["TotalCorrelationAdversary"]().own_loss(found)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: PriorAdversary(mlp(3, 2)),
            r"expected a network that returns one logit.*got \(2,\)",
        ),
        (
            lambda: PriorAdversary(mlp(3, 1), weight=-1.0),
            "weight: expected a finite weight of at least 0",
        ),
        (
            lambda: PriorAdversary(mlp(3, 1), weight=float("inf")),
            "weight: expected a finite weight of at least 0",
        ),
        (lambda: PriorAdversary(mlp(3, 1), start=-1), "start: expected at least 0, got -1"),
        (
            lambda: FeatureAdversary(mlp(3, 1), game=-1.0),
            "game: expected a finite weight of at least 0",
        ),
        (lambda: PriorAdversary(torch.nn.Linear(3, 1)), "expected a pyrovae.nn.Network"),
        (lambda: Adversary.network_shapes(DATA, DATA), "does not say which network it needs"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
