"""Conditions of categories and numbers, and classes that come later."""

import math

import pytest
import torch
from conditional import C, D, L, Y, data, make, tanh

from pyrovae import VAE, fit, load, save
from pyrovae.columns import Column
from pyrovae.likelihoods import (
    BernoulliLikelihood,
    ColumnsLikelihood,
    NegativeBinomialLikelihood,
    OffsetLikelihood,
    PoissonLikelihood,
    ZeroInflatedLikelihood,
)
from pyrovae.models import ConditionalVAE, add_classes
from pyrovae.nn import MLP, Chain, ConvEncoder, Covariates, Log1p
from pyrovae.objectives import ELBO
from pyrovae.posteriors import IAFPosterior, NormalPosterior
from pyrovae.priors import NormalPrior, VampPrior

ROWS = torch.tensor([[0.0, 1.0, 0.5], [2.0, 0.0, -1.0], [1.0, 1.0, 3.0]])


def test_categories_become_one_hot_and_numbers_stay_last():
    expected = [[1, 0, 0, 0, 1, 0.5], [0, 0, 1, 1, 0, -1.0], [0, 1, 0, 0, 1, 3.0]]
    assert Covariates([3, 2], numbers=1)(ROWS).tolist() == expected
    assert Covariates([3, 2], numbers=1)(ROWS + 1)[1].isnan().any()


def test_log1p_leaves_what_is_given():
    x = torch.tensor([[0.0, 9.0, 9.0]])
    expected = torch.tensor([[0.0, math.log(10.0), 9.0]])
    torch.testing.assert_close(Log1p(3, given=1)(x), expected)
    with pytest.raises(ValueError, match="given: expected"):
        Log1p(3, given=3)


def counted(*, encoder=True, dispersion="learned"):
    """Counts with two covariates of three and two categories, and an offset behind them."""
    width = 6  # of the covariates' features
    read = D + width if encoder else D
    chain = Chain([Log1p(read, given=read - D), tanh(read, [4], 2 * L)])
    counts = NegativeBinomialLikelihood(tanh(L + 5, [4], D), dispersion=dispersion)
    return ConditionalVAE(
        NormalPrior(L),
        NormalPosterior(chain),
        OffsetLikelihood(ZeroInflatedLikelihood(counts, tanh(L + 5, [4], D))),
        covariates=Covariates([3, 2], numbers=1),
    )


def counts(n=3):
    return torch.randint(9, (n, D), generator=torch.Generator().manual_seed(2)).float()


def test_the_density_is_that_of_the_joined_parts():
    model, x = counted(), counts()
    y = model.covariates(ROWS)
    z = model.encode(x, ROWS)
    torch.testing.assert_close(z, model.posterior(torch.cat([x, y], 1)).mean)
    expected = model.likelihood(torch.cat([z, y], 1)).log_prob(x)
    torch.testing.assert_close(model.decode(z, ROWS).log_prob(x), expected)


def test_an_encoder_may_see_the_data_alone():
    model, x = counted(encoder=False), counts()
    assert torch.equal(model.encode(x, ROWS), model.encode(x, ROWS.flip(0)))
    assert not torch.equal(model.reconstruct(x, ROWS), model.reconstruct(x, ROWS.flip(0)))


def test_offset_is_learned_as_a_latent():
    """In a plain VAE the last latent is the logarithm of the size factor."""
    likelihood = OffsetLikelihood(PoissonLikelihood(tanh(L, [4], D)))
    vae = VAE(
        NormalPrior(L + 1, learned=True), NormalPosterior(tanh(D, [4], 2 * L + 2)), likelihood
    )
    before = {n: p.detach().clone() for n, p in vae.named_parameters()}
    fit(vae, counts(7), epochs=1, progress=False, objective=ELBO(num_particles=2))
    assert [n for n, p in vae.named_parameters() if torch.equal(p, before[n])] == []
    z = torch.zeros(1, L + 1)
    z[:, -1] = 2.0
    torch.testing.assert_close(
        vae.decode(z).mean, vae.decode(z * 0).mean * torch.tensor(2.0).exp()
    )


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([3.0, 0.0, 0.0], "categories from 0 to 2 in column 0 .* got 3"),
        ([0.0, 0.5, 0.0], "categories from 0 to 1 in column 1 .* got 0.5"),
        ([0.0, 0.0, float("inf")], "finite covariates, but 3 are not finite|infinite"),
        ([0.0, 0.0], r"floating of shape \(3, 3\), got torch.float32 of shape \(3, 2\)"),
    ],
)
def test_rows_that_are_none_are_refused(row, said):
    with pytest.raises(ValueError, match=said):
        fit(counted(), (counts(), torch.tensor([row] * 3)), progress=False)


def test_queries_refuse_categories_that_training_had_none_of():
    model = counted()
    rows = torch.tensor([[0.0, 1.0, 0.0], [1.0, 1.0, 0.0]])
    fit(model, (counts(2), rows), epochs=1, progress=False)
    assert model.sample(4, torch.tensor([0.0, 1.0, 0.3])).shape == (4, D)
    with pytest.raises(ValueError, match=r"trained with the classes \[0, 1, 4\].*not with \[2\]"):
        model.sample(4, torch.tensor([2.0, 1.0, 0.3]))


def trained(model, x, y):
    fit(model, (x, y), epochs=2, progress=False)
    return model


@pytest.mark.parametrize("kind", ["classes", "covariates", "covariates-dispersion", "decoder"])
def test_a_class_that_comes_later_leaves_all_else_as_it_was(kind, tmp_path):
    if kind == "classes":
        model, x, y = trained(make(), data(), Y), data(), Y
        new_y = torch.full((7,), C)
    else:
        options = {"encoder": kind != "decoder"}
        if kind == "covariates-dispersion":
            options["dispersion"] = MLP(5, [], D)
        model, x, y = trained(counted(**options), counts(), ROWS), counts(), ROWS
        new_y = torch.tensor([[3.0, 1.0, 0.5]]).expand(3, 3)
    larger = add_classes(model)
    before = {n: p.detach().clone() for n, p in larger.named_parameters()}
    assert torch.equal(larger.encode(x, y), model.encode(x, y))
    assert torch.equal(larger.reconstruct(x, y), model.reconstruct(x, y))
    fit(larger, (x, new_y), epochs=3, progress=False)
    moved = {n for n, p in larger.named_parameters() if not torch.equal(p, before[n])}
    learned = {n for n, p in larger.named_parameters() if p.requires_grad}
    assert moved == learned
    assert moved
    assert torch.equal(larger.reconstruct(x, y), model.reconstruct(x, y))
    z = larger.encode(x, new_y)
    assert not torch.equal(larger.decode(z, new_y).mean, larger.decode(z, y).mean)
    assert larger.sample(2, new_y[0]).shape == (2, D)
    save(larger, tmp_path / "larger.pt")
    assert torch.equal(load(tmp_path / "larger.pt").reconstruct(x, y), larger.reconstruct(x, y))


def with_parts_of_their_own(kind):
    """A model whose parts build submodules that are no arguments, in double precision."""
    width = 6
    posterior = NormalPosterior(tanh(D + width, [4], 2 * L))
    if kind == "flow":
        network = tanh(D + width, [4], 2 * L + 3)
        posterior = IAFPosterior(network, context_features=3, hidden=[4])
        likelihood = BernoulliLikelihood(tanh(L + width, [4], D))
    else:
        columns = [Column(f"c{i}", "ordinal", levels=("a", "b", "c")) for i in range(D)]
        (size,) = ColumnsLikelihood.network_shape(torch.Size([D]), columns=columns)
        likelihood = ColumnsLikelihood(tanh(L + width, [4], size), columns)
    covariates = Covariates([3, 2], numbers=1)
    return ConditionalVAE(NormalPrior(L), posterior, likelihood, covariates=covariates).double()


@pytest.mark.parametrize("kind", ["flow", "columns"])
def test_what_parts_build_for_themselves_stays_as_it_was_too(kind):
    model = with_parts_of_their_own(kind)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) / 4)
    x, y = (counts() % 2).double(), ROWS.double()
    larger = add_classes(model)
    kept = {n.replace(".network.network.", ".network."): v for n, v in larger.state_dict().items()}
    for name, value in model.state_dict().items():
        assert name == "met" or torch.equal(kept[name], value), name
    learned = {n for n, p in larger.named_parameters() if p.requires_grad}
    assert learned == {"posterior.network.weight", "likelihood.network.weight"}
    losses = []
    for each in (model, larger):
        torch.manual_seed(1)
        losses.append(ELBO().loss(each.model, each.guide, x, y))
    assert losses[0] == losses[1]


def test_models_that_cannot_grow_are_refused():
    with pytest.raises(ValueError, match="n: expected at least one"):
        add_classes(make(), 0)
    with pytest.raises(
        ValueError, match="covariate: expected the index of one of 2 categorical covariates"
    ):
        add_classes(counted(), covariate=2)
    posterior = NormalPosterior(tanh(D + C, [4], 2 * L))
    likelihood = BernoulliLikelihood(tanh(L + C, [4], D))
    prior = VampPrior(posterior, pseudo_inputs=torch.rand(4, D + C), components=2)
    with pytest.raises(ValueError, match="independent of the posterior, but VampPrior"):
        add_classes(ConditionalVAE(prior, posterior, likelihood, classes=C))
    normed = NormalPosterior(MLP(D + C, [4], 2 * L, batch_norm=True))
    with pytest.raises(ValueError, match="without batch normalisation"):
        add_classes(ConditionalVAE(NormalPrior(L), normed, likelihood, classes=C))
    images = NormalPosterior(ConvEncoder((1 + C, 4, 4), 2 * L, channels=(2,)))
    decoder = BernoulliLikelihood(tanh(L + C, [4], (1, 4, 4)))
    with pytest.raises(ValueError, match="MLP, or a Chain of Log1p and an MLP, got ConvEncoder"):
        add_classes(ConditionalVAE(NormalPrior(L), images, decoder, classes=C))
