"""Several modalities: training, reports, queries, and what is refused."""

import math

import pytest
import torch
from pyro.infer import SVI, Trace_ELBO
from pyro.optim import Adam

from pyrovae import VAE, evaluate, fit, load, save
from pyrovae.datasets import TensorSplit
from pyrovae.likelihoods import BernoulliLikelihood, PoissonLikelihood
from pyrovae.models import MultimodalVAE, Weighted
from pyrovae.nn import MLP
from pyrovae.objectives import (
    ELBO,
    DoublyReparameterizedELBO,
    ImportanceWeightedELBO,
    StratifiedELBO,
    SubsetsELBO,
)
from pyrovae.posteriors import (
    FullNormalPosterior,
    MixtureOfProductsPosterior,
    MixturePosterior,
    NormalPosterior,
    PlanarPosterior,
    ProductPosterior,
)
from pyrovae.priors import MixturePrior, NormalPrior

KINDS = [ProductPosterior, MixturePosterior, MixtureOfProductsPosterior]


def small(kind=ProductPosterior, prior=None):
    experts = [
        NormalPosterior(MLP((1, 2, 2), [5], 4, activation="tanh")),
        NormalPosterior(MLP(3, [5], 4, activation="tanh")),
    ]
    likelihoods = {
        "image": BernoulliLikelihood(MLP(2, [5], (1, 2, 2), activation="tanh")),
        "counts": PoissonLikelihood(MLP(2, [5], 3, activation="tanh")),
    }
    return MultimodalVAE(prior or NormalPrior(2), kind(experts), likelihoods)


def pairs(n=9):
    torch.manual_seed(4)
    present = torch.rand(n, 2) < 0.6
    present[:, 0] |= ~present.any(1)
    return torch.rand(n, 1, 2, 2).round(), torch.randint(5, (n, 3)).float(), present


OBJECTIVES = [
    ELBO(num_particles=2),
    ImportanceWeightedELBO(num_particles=3),
    DoublyReparameterizedELBO(num_particles=3),
    StratifiedELBO(num_particles=6),
    SubsetsELBO(),
    SubsetsELBO(ImportanceWeightedELBO(num_particles=2)),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: type(o).__name__)
def test_every_parameter_learns(kind, objective):
    model = small(kind, MixturePrior(2, components=2))
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    fit(model, TensorSplit(*pairs()), objective=objective, epochs=2, progress=False, compile=False)
    assert [n for n, p in model.named_parameters() if torch.equal(p, before[n])] == []


def test_reports_and_plain_pyro(tmp_path):
    model, (image, counts, present) = small(), pairs()
    report = evaluate(model, TensorSplit(image, counts, present), samples=20)
    assert math.isfinite(report.elbo)
    assert report.elbo < 0
    svi = SVI(model.model, model.guide, Adam({"lr": 1e-3}), loss=Trace_ELBO())
    assert math.isfinite(svi.step(image, None))
    assert math.isfinite(svi.step(image, counts))
    save(model, tmp_path / "model.pt")
    again = load(tmp_path / "model.pt")
    torch.testing.assert_close(again.encode(image, counts), model.encode(image, counts))


@pytest.mark.parametrize("kind", KINDS)
def test_queries(kind):
    model, (image, counts, _) = small(kind), pairs()
    assert {k: v.shape for k, v in model.sample(5).items()} == {
        "image": (5, 1, 2, 2),
        "counts": (5, 3),
    }
    z = model.encode({"image": image})
    torch.testing.assert_close(z, model.posterior((image, None)).mean)
    torch.testing.assert_close(model.encode(image), z)
    torch.testing.assert_close(model.encode(None, counts), model.posterior((None, counts)).mean)
    both = model.reconstruct(image, counts)
    assert list(both) == ["image", "counts"]
    crossed = model.reconstruct({"image": image}, to="counts")
    torch.testing.assert_close(crossed, model.decode(z)["counts"].mean)
    drawn = model.reconstruct({"counts": counts}, to="image", draw=True)
    assert set(drawn.unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda m, x, y: m.reconstruct({"sound": x}), r"among \['image', 'counts'\].*'sound'"),
        (lambda m, x, y: m.reconstruct({"image": x}, to="sound"), "to: expected one of .*'sound'"),
        (lambda m, x, y: m.encode({}), "at least one of image, counts, got none"),
        (lambda m, x, y: m.encode(x, y[:2]), "image, counts with equal numbers of rows"),
        (lambda m, x, y: m.encode(x, y[:, :2]), r"counts: expected data of shape \(n, 3\)"),
        (lambda m, x, y: m.encode(x, y - 7), "site 'counts': .*whole numbers of at least 0"),
        (lambda m, x, y: m.model(x, y, y, y), "of image, counts with equal numbers of rows"),
        (
            lambda m, x, y: m.model(x, y, torch.ones(9, 2)),
            r"present: expected bool of shape \(9, 2\)",
        ),
        (
            lambda m, x, y: fit(m, (x, y, torch.zeros(9, 2).bool()), progress=False),
            "at least one modality for each datum, but 9 of them have none",
        ),
    ],
)
def test_what_is_refused(ask, said):
    image, counts, _ = pairs()
    with pytest.raises(ValueError, match=said):
        ask(small(), image, counts)


def test_parts_that_do_not_fit():
    one = NormalPosterior(MLP(3, [], 4))
    with pytest.raises(ValueError, match="at least one posterior, got none"):
        ProductPosterior([])
    with pytest.raises(ValueError, match="latents of one shape"):
        MixturePosterior([one, NormalPosterior(MLP(3, [], 6))])
    flow = PlanarPosterior(
        MLP(3, [], PlanarPosterior.network_shape(2, transforms=1)), transforms=1
    )
    with pytest.raises(
        ValueError, match="evaluate the density of any latent, which PlanarPosterior"
    ):
        MixturePosterior([flow])
    full = FullNormalPosterior(MLP(3, [], 5))
    with pytest.raises(ValueError, match="independent normals.*MixturePosterior"):
        ProductPosterior([full])(torch.rand(4, 3))
    assert MixturePosterior([one, full])(torch.rand(4, 3)).batch_shape == (4,)
    likelihood = PoissonLikelihood(MLP(2, [], 3))
    with pytest.raises(ValueError, match="an expert for each of"):
        MultimodalVAE(NormalPrior(2), ProductPosterior([one]), {"a": likelihood, "b": likelihood})
    with pytest.raises(ValueError, match="at most 10"):
        MixtureOfProductsPosterior([one] * 11)
    vae = VAE(NormalPrior(2), one, likelihood)
    with pytest.raises(ValueError, match="multimodal model"):
        SubsetsELBO().loss(vae.model, vae.guide, torch.ones(4, 3))


def test_images_are_scaled_beside_counts_with_weights_too():
    """The likelihood of the other modality is one of counts; the first says how 8 bits are read."""
    x, counts, present = pairs()
    data = ((x * 255).byte(), counts, present, torch.ones(len(x)))
    torch.manual_seed(0)
    model = small()
    found = evaluate(Weighted(model), data, samples=2, seed=0).elbo
    assert found == pytest.approx(evaluate(model, data[:3], samples=2, seed=0).elbo)


def test_subsets_know_a_modality_from_a_mask_and_from_weights():
    """Of three modalities the last is bool with two columns, as a mask of the others would be."""
    sizes = {"a": 3, "b": 1, "c": 2}
    experts = [NormalPosterior(MLP(n, [], 4)) for n in sizes.values()]
    likelihoods = {name: PoissonLikelihood(MLP(2, [], n)) for name, n in sizes.items()}
    model = MultimodalVAE(NormalPrior(2), ProductPosterior(experts), likelihoods)
    batch = [torch.rand(5, n).round() for n in sizes.values()]
    flags = [*batch[:2], batch[2].bool()]

    def loss(program, *batch):
        torch.manual_seed(0)
        return SubsetsELBO().loss(program.model, program.guide, *batch)

    for expert in experts:  # networks read numbers
        expert.register_forward_pre_hook(lambda _, x: tuple(value.float() for value in x))
    expected = loss(model, *batch)
    assert loss(model, *flags) == pytest.approx(expected)
    assert loss(model, *batch, torch.ones(5, 3).bool()) == pytest.approx(expected)
    assert loss(Weighted(model), *batch, torch.full((5,), 2.0)) == pytest.approx(2 * expected)
