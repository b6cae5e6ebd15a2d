"""The VAE of data with a condition: training, queries, files and figures."""

import copy

import pytest
import torch
from conditional import D, L, Y, data, make
from matplotlib.figure import Figure
from pyro.infer import SVI, Trace_ELBO
from pyro.optim import Adam
from torch.utils.data import DataLoader, TensorDataset

from pyrovae import evaluate, fit, load, plots, save
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import ConditionalVAE
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior


def test_plain_svi_and_a_loader():
    vae = make()
    svi = SVI(vae.model, vae.guide, Adam({"lr": 1e-2}), loss=Trace_ELBO())
    first = vae.posterior.network.layers[0].weight.clone()
    svi.step(data(), Y)
    assert not torch.equal(first, vae.posterior.network.layers[0].weight)
    loader = DataLoader(TensorDataset(data(), Y), batch_size=4)
    history = fit(vae, loader, epochs=2, progress=False)
    assert len(history) == 2


def trained():
    """Each class is one of three pictures; the first and the last are in the data."""
    pictures = torch.tensor([[1.0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 1]])
    y = torch.tensor([0, 2]).repeat(30)
    vae = make()
    adam = lambda parameters: torch.optim.Adam(parameters, lr=0.02)
    fit(vae, (pictures[y], y), epochs=40, batch_size=10, optimizer=adam, progress=False)
    return vae, pictures


def test_a_class_can_be_asked_for_and_one_that_was_not_trained_is_refused(tmp_path):
    vae, pictures = trained()
    for label in (0, 2):
        torch.testing.assert_close(
            vae.sample(50, label), pictures[label].expand(50, D), atol=0.2, rtol=0
        )
    y = torch.tensor([2, 0, 2])
    assert torch.equal(vae.sample(3, y).round(), pictures[y])
    assert torch.equal(vae.decode(torch.zeros(3, L), y).mean.round(), pictures[y])
    assert torch.equal(vae.reconstruct(pictures[y], y).round(), pictures[y])
    assert vae.encode(pictures[y], y).shape == (3, L)
    save(vae, tmp_path / "vae.pt")
    for model in (vae, load(tmp_path / "vae.pt"), copy.deepcopy(vae)):
        assert model.met.tolist() == [True, False, True]
        for query in (
            lambda m=model: m.sample(2, 1),
            lambda m=model: m.decode(torch.zeros(2, L), torch.tensor([0, 1])),
            lambda m=model: m.reconstruct(pictures[:2], 1),
        ):
            with pytest.raises(
                ValueError, match=r"trained with the classes \[0, 2\], not with \[1\]"
            ):
                query()
    torch.testing.assert_close(
        load(tmp_path / "vae.pt").reconstruct(pictures[y], y), vae.reconstruct(pictures[y], y)
    )


def test_only_training_notes_the_classes():
    vae = make()
    evaluate(vae, (data(), Y), samples=2)
    vae.encode(data(), Y)
    vae.eval()
    ELBO().loss(vae.model, vae.guide, data(), Y)
    assert not vae.met.any()
    # Untrained, it gives what an untrained model gives.
    assert vae.sample(2, 1).shape == (2, D)
    vae.train()
    ELBO().loss(vae.model, vae.guide, data(), Y)
    assert vae.met.all()


def test_figures_of_one_class():
    vae = make().given(1)
    x = data()
    assert vae.sample(4, draw=True).shape == (4, D)
    for figure in (
        plots.samples(vae, n=4),
        plots.reconstructions(vae, x),
        plots.traversal(vae, x[:1]),
        plots.interpolation(vae, x[:2], x[2:4]),
        plots.manifold(vae, size=3),
        plots.latent_scatter(vae, x, Y),
    ):
        assert isinstance(figure, Figure)


def test_one_condition_stands_for_all():
    vae = ConditionalVAE(
        NormalPrior(L),
        NormalPosterior(MLP(D + 2, [], 2 * L)),
        BernoulliLikelihood(MLP(L + 2, [], D)),
        condition_shape=2,
    )
    one = torch.randn(2)
    z = torch.randn(7, L)
    expected = vae.decode(z, one.expand(7, 2)).mean
    assert torch.equal(vae.decode(z, one).mean, expected)
    assert torch.equal(vae.given(one).decode(z).mean, expected)
    assert vae.decode(z, torch.randn(7, 2).bool()).mean.shape == (7, D)
    assert copy.deepcopy(vae).double().sample(2, one).dtype == torch.float64
