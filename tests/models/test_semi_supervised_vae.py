"""The semi-supervised VAE: training, queries and figures."""

import pyro.distributions as dist
import pytest
import torch
from matplotlib.figure import Figure
from pyro.infer import SVI, Trace_ELBO, TraceEnum_ELBO, config_enumerate
from pyro.optim import Adam
from semi_supervised import LABELLED, MIXED, C, D, L, data, make

from pyrovae import fit, load, plots, save
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import SemiSupervisedVAE
from pyrovae.nn import MLP, ConvDecoder, ConvEncoder
from pyrovae.objectives import (
    ELBO,
    ClassificationELBO,
    DoublyReparameterizedELBO,
    EnumeratedELBO,
    ImportanceWeightedELBO,
)
from pyrovae.posteriors import CategoricalPosterior, NormalPosterior
from pyrovae.priors import NormalPrior


@pytest.mark.parametrize(
    "objective",
    [EnumeratedELBO(), ELBO(num_particles=3), ClassificationELBO(5.0), ImportanceWeightedELBO()],
    ids=lambda o: type(o).__name__,
)
def test_every_parameter_learns(objective):
    vae = make()
    before = {name: p.detach().clone() for name, p in vae.named_parameters()}
    fit(vae, (data(), MIXED), objective=objective, epochs=1, progress=False)
    assert [n for n, p in vae.named_parameters() if torch.equal(p, before[n])] == []


def test_plain_svi():
    vae = make()
    before = vae.classifier.network.layers[0].weight.clone()
    guide = config_enumerate(vae.guide)
    for svi in (
        SVI(vae.model, guide, Adam({"lr": 1e-2}), loss=TraceEnum_ELBO(max_plate_nesting=1)),
        SVI(vae.model, vae.guide, Adam({"lr": 1e-2}), loss=Trace_ELBO()),
    ):
        assert svi.step(data(), MIXED) > 0
    assert not torch.equal(before, vae.classifier.network.layers[0].weight)


def test_an_objective_that_needs_paths_names_the_site():
    vae = make()
    with pytest.raises(ValueError, match="site 'y': LabelledCategorical is not reparameterised"):
        DoublyReparameterizedELBO().loss(vae.model, vae.guide, data(), MIXED)


def clusters(n=300):
    """Three pictures, a tenth of their pixels turned over, of which six have a label."""
    pictures = torch.tensor([[1.0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 1]])
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(3, (n,), generator=generator)
    noise = torch.rand(n, D, generator=generator) < 0.1
    x = torch.where(noise, 1 - pictures[y], pictures[y])
    few = torch.full_like(y, -1)
    for label in range(3):
        few[(y == label).nonzero()[:2, 0]] = label
    return x, y, few


def test_it_learns_classes_from_few_labels_and_makes_data_of_a_class(tmp_path):
    x, y, few = clusters()
    vae = make()
    adam = lambda parameters: torch.optim.Adam(parameters, lr=0.02)
    fit(
        vae,
        (x, few),
        objective=ClassificationELBO(10.0),
        epochs=25,
        batch_size=50,
        optimizer=adam,
        progress=False,
    )
    assert (vae.classify(x).argmax(-1) == y).float().mean() > 0.85
    for label, picture in enumerate([[1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 1]]):
        assert vae.sample(40, label).mean(0).round().tolist() == picture
    save(vae, tmp_path / "vae.pt")
    other = load(tmp_path / "vae.pt")
    assert torch.equal(other.classify(x), vae.classify(x))
    torch.testing.assert_close(other.reconstruct(x, few), vae.reconstruct(x, few))


def test_queries():
    vae, x = make(), data()
    probabilities = vae.classify(x)
    torch.testing.assert_close(probabilities, vae.classifier.network(x).softmax(-1))
    assert not probabilities.requires_grad
    codes = vae.encode(x, MIXED)
    assert list(codes) == ["y", "z"]
    known = MIXED >= 0
    assert torch.equal(codes["y"][known], torch.eye(C)[MIXED[known]])
    torch.testing.assert_close(codes["y"][~known], probabilities[~known])
    torch.testing.assert_close(vae.encode(x)["y"], probabilities)
    joined = torch.cat([codes["z"], codes["y"]], 1)
    torch.testing.assert_close(vae.reconstruct(x, MIXED), vae.likelihood(joined).mean)
    assert vae.sample(4).shape == vae.sample(4, 2).shape == (4, D)
    z = torch.randn(3, L)
    expected = vae.likelihood(torch.cat([z, torch.eye(C)[[2, 2, 2]]], 1)).mean
    torch.testing.assert_close(vae.decode({"z": z}, 2).mean, expected)
    torch.testing.assert_close(vae.decode({"z": z, "y": torch.eye(C)[[2, 2, 2]]}).mean, expected)


def test_classify_runs_in_evaluation_mode():
    vae = SemiSupervisedVAE(
        NormalPrior(L),
        CategoricalPosterior(MLP(D, [20], C, dropout=0.5)),
        NormalPosterior(MLP(D + C, [], 2 * L)),
        BernoulliLikelihood(MLP(L + C, [], D)),
    )
    assert torch.equal(vae.classify(data()), vae.classify(data()))
    assert vae.training


def test_convolutions():
    vae = SemiSupervisedVAE(
        NormalPrior(L),
        CategoricalPosterior(ConvEncoder((1, 6, 5), C, channels=(2,))),
        NormalPosterior(ConvEncoder((1 + C, 6, 5), 2 * L, channels=(2,))),
        BernoulliLikelihood(ConvDecoder(L + C, (1, 6, 5), channels=(2,))),
    )
    loss = EnumeratedELBO(num_particles=2).loss(
        vae.model, vae.guide, torch.rand(6, 1, 6, 5), MIXED
    )
    assert torch.tensor(loss).isfinite()


def test_figures():
    vae, x = make(), data()
    for figure in (
        plots.samples(vae, n=4),
        plots.reconstructions(vae, x),
        plots.traversal(vae, x[:1], site="z"),
        plots.interpolation(vae, x[:2], x[2:4]),
        plots.latent_scatter(vae, x, LABELLED, site="z"),
    ):
        assert isinstance(figure, Figure)


def test_the_prior_of_classes_is_uniform_unless_told_otherwise():
    p = make().label_prior()
    torch.testing.assert_close(p.probs, torch.full((C,), 1 / C))
    assert isinstance(p, dist.OneHotCategorical)
