"""The penalties of regularised autoencoders."""

import linear_gaussian
import pytest
import torch
from programs import coin_vae

from pyrovae import fit
from pyrovae.evaluation import evaluate
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.models import Autoencoder, Density
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, RegularizedELBO
from pyrovae.priors import MixturePrior


def autoencoder():
    likelihood = NormalLikelihood(MLP(2, [5], 4, activation="tanh"), scale=1.0)
    return Autoencoder(MLP(4, [5], 2, activation="tanh"), likelihood)


def test_penalties_on_codes_and_weights_by_hand():
    model, x = autoencoder(), torch.randn(6, 4)
    plain = ELBO().loss(model.model, model.guide, x)
    codes = model.encoder(x).square().sum().item()
    weights = sum(p.square().sum().item() for p in model.likelihood.parameters())
    objective = RegularizedELBO(code_weight=0.3, decoder_weight=0.02)
    found = objective.loss(model.model, model.guide, x)
    assert found == pytest.approx(plain + 0.15 * codes + 6 * 0.02 * weights, rel=1e-5)


def test_the_weights_alone_of_the_named_part_are_drawn_to_zero():
    model, x = autoencoder(), torch.randn(6, 4)
    for part in ("likelihood", "encoder"):
        gradients = []
        for weight in (0.0, 0.5):
            objective = RegularizedELBO(code_weight=0.0, decoder_weight=weight, part=part)
            model.zero_grad()
            objective.loss_and_grads(model.model, model.guide, x)
            gradients.append({name: p.grad.clone() for name, p in model.named_parameters()})
        for name, parameter in model.named_parameters():
            pull = 6 * parameter.detach() if name.startswith(part) else 0.0 * parameter.detach()
            torch.testing.assert_close(
                gradients[1][name] - gradients[0][name], pull, rtol=1e-4, atol=1e-5
            )


def test_the_jacobian_is_estimated_without_bias():
    """Of a linear decoder the squared norm is that of its weight; the gradient is twice the weight."""
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    many = x.repeat(3000, 1)
    options = {"code_weight": 0.0, "decoder_weight": 0.0}

    def gradient(weight):
        vae.zero_grad()
        torch.manual_seed(1)
        objective = RegularizedELBO(gradient_weight=weight, **options)
        loss = objective.loss_and_grads(vae.model, vae.guide, many).item()
        return loss / len(many), vae.likelihood.weight.grad.clone() / len(many)

    plain, with_penalty = gradient(0.0), gradient(0.7)
    weight = vae.likelihood.weight.detach()
    # v^T W W^T v has variance 2 |W W^T|^2: four standard errors.
    error = (2 * (weight @ weight.mT).square().sum() / len(many)).sqrt().item()
    exact = weight.square().sum().item()
    assert (with_penalty[0] - plain[0]) / 0.7 == pytest.approx(exact, abs=4 * error)
    # Each entry is a mean of products v_i (v^T W)_j, of variance |W_j|^2 + W_ij^2 and below.
    spread = 2 * (weight.square().sum(0) + weight.square()).sqrt() / len(many) ** 0.5
    assert ((with_penalty[1] - plain[1]) / 0.7 - 2 * weight).abs().lt(4.5 * spread).all()
    objective = RegularizedELBO(gradient_weight=0.7, **options)
    torch.manual_seed(1)
    assert objective.loss(vae.model, vae.guide, many) / len(many) == pytest.approx(with_penalty[0])


def test_it_trains_and_the_codes_get_their_density_afterwards():
    torch.manual_seed(0)
    model, x = autoencoder(), torch.randn(40, 4)
    options = {"epochs": 2, "batch_size": 20, "progress": False, "compile": False}
    before = [p.detach().clone() for p in model.parameters()]
    history = fit(model, x, objective=RegularizedELBO(gradient_weight=0.1), **options)
    assert all((p != q).any() for p, q in zip(model.parameters(), before, strict=True))
    assert "validation_elbo" not in history[-1]
    assert evaluate(model, x).elbo is None
    density = Density(MixturePrior(2, components=2))
    fit(density, model.encode(x), **options)
    assert model.decode(density.sample(7)).mean.shape == (7, 4)


def test_what_there_is_not_is_refused():
    model, guide, x = coin_vae()
    with pytest.raises(
        ValueError, match="site 'x': the mean of .* has no gradient with respect to the latents"
    ):
        RegularizedELBO(gradient_weight=1.0).loss(model, guide, x)
    with pytest.raises(ValueError, match="part: expected the name of a part .* got 'decoder'"):
        RegularizedELBO(part="decoder").loss(model, guide, x)
    with pytest.raises(
        ValueError, match="gradient_weight: expected a finite weight of at least 0, got -1"
    ):
        RegularizedELBO(gradient_weight=-1.0)
