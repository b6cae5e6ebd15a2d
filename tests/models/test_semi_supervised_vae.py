"""The semi-supervised VAE against sums over classes written out."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from matplotlib.figure import Figure
from pyro import poutine
from pyro.infer import SVI, Trace_ELBO, TraceEnum_ELBO, config_enumerate
from pyro.optim import Adam

from pyrovae import evaluate, fit, load, plots, save
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import ConditionalVAE, SemiSupervisedVAE
from pyrovae.nn import MLP, ConvDecoder, ConvEncoder
from pyrovae.objectives import (
    ELBO,
    AnalyticKLELBO,
    ClassificationELBO,
    DoublyReparameterizedELBO,
    EnumeratedELBO,
    ImportanceWeightedELBO,
)
from pyrovae.posteriors import CategoricalPosterior, NormalPosterior
from pyrovae.priors import CategoricalPrior, NormalPrior

D, L, C = 5, 2, 3
LABELLED = torch.tensor([0, 2, 1, 1, 0, 2])
MIXED = torch.tensor([0, -1, 1, -1, -1, 2])
NONE = torch.full((6,), -1)
LABELS = {"labelled": LABELLED, "mixed": MIXED, "unlabelled": NONE, "absent": None}
over_labels = pytest.mark.parametrize("y", LABELS.values(), ids=list(LABELS))


def tanh(*arguments):
    return MLP(*arguments, activation="tanh")


def data(n=6):
    return torch.rand(n, D, generator=torch.Generator().manual_seed(1)).round()


def make(prior=None, posterior=None):
    return SemiSupervisedVAE(
        prior or NormalPrior(L),
        CategoricalPosterior(tanh(D, [4], C)),
        posterior or NormalPosterior(tanh(D + C, [4], 2 * L)),
        BernoulliLikelihood(tanh(L + C, [4], D)),
    )


def discrete():
    """With a z of two values and a learned p(y), every sum can be written out."""
    vae = SemiSupervisedVAE(
        CategoricalPrior(L, learned=True),
        CategoricalPosterior(tanh(D, [4], C)),
        CategoricalPosterior(tanh(D + C, [4], L)),
        BernoulliLikelihood(tanh(L + C, [4], D)),
        label_prior=CategoricalPrior(C, learned=True),
    ).double()
    with torch.no_grad():
        vae.label_prior.logits.copy_(torch.tensor([0.3, -0.5, 0.1]))
    return vae, data().double()


def batch(x, y):
    return (x,) if y is None else (x, y)


def joint(vae, x):
    """log p(x, y, z) and log q(z|x, y), (classes, values of z, n), and log q(y|x)."""
    log_p, log_q = [], []
    for k in range(C):
        y = torch.eye(C).to(x)[[k] * len(x)]
        q = vae.posterior.network(torch.cat([x, y], 1)).log_softmax(-1)
        log_q.append(q.T)
        for j in range(L):
            z = torch.eye(L).to(x)[[j] * len(x)]
            p = vae.label_prior.logits.log_softmax(-1)[k] + vae.prior.logits.log_softmax(-1)[j]
            log_p.append(p + vae.likelihood(torch.cat([z, y], 1)).log_prob(x))
    log_q_y = vae.classifier.network(x).log_softmax(-1).T
    return torch.stack(log_p).view(C, L, -1), torch.stack(log_q), log_q_y


def exact_bound(vae, x, y):
    """That of log p(x, y) of each labelled datum and of log p(x) of each other one."""
    log_p, log_q, log_q_y = joint(vae, x)
    given_class = (log_q.exp() * (log_p - log_q)).sum(1)
    bounds = (log_q_y.exp() * (given_class - log_q_y)).sum(0)
    for i, label in enumerate([] if y is None else y.tolist()):
        if label >= 0:
            bounds = torch.where(torch.arange(len(x)) == i, given_class[label], bounds)
    return bounds


@over_labels
@pytest.mark.parametrize("pyros", [False, True])
def test_enumeration_is_the_sum_written_out(y, pyros):
    vae, x = discrete()
    objective, guide = EnumeratedELBO(), vae.guide
    if pyros:
        objective, guide = TraceEnum_ELBO(max_plate_nesting=1), config_enumerate(vae.guide)
    exact = exact_bound(vae, x, y).sum()
    loss = objective.differentiable_loss(vae.model, guide, *batch(x, y))
    torch.testing.assert_close(-loss, exact)
    parameters = list(vae.parameters())
    found, expected = (
        torch.autograd.grad(v, parameters, allow_unused=True, materialize_grads=True)
        for v in (-loss, exact)
    )
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)
    classifies = found[
        [n for n, _ in vae.named_parameters()].index("classifier.network.layers.0.weight")
    ]
    assert classifies.any() == (y is None or bool((y < 0).any()))


def test_a_mixed_batch_is_the_sum_of_its_parts():
    vae, x = discrete()
    known = MIXED >= 0
    whole = EnumeratedELBO().loss(vae.model, vae.guide, x, MIXED)
    parts = EnumeratedELBO().loss(vae.model, vae.guide, x[known], MIXED[known])
    parts += EnumeratedELBO().loss(vae.model, vae.guide, x[~known])
    assert whole == pytest.approx(parts)


@over_labels
def test_draws_agree_with_the_sum(y):
    vae, x = discrete()
    n = 20_000
    exact = exact_bound(vae, x, y).sum().item()
    # The log-weights of six data together spread by less than 10 nats.
    for objective in (ELBO(num_particles=n), AnalyticKLELBO(num_particles=n)):
        assert abs(-objective.loss(vae.model, vae.guide, *batch(x, y)) - exact) < 5 * 10 / n**0.5


@over_labels
def test_log_likelihoods_of_pairs_and_of_data(y):
    vae, x = discrete()
    log_p = joint(vae, x)[0].logsumexp(1)
    exact = log_p.logsumexp(0)
    for i, label in enumerate([] if y is None else y.tolist()):
        if label >= 0:
            exact[i] = log_p[label, i]
    found = evaluate(vae, batch(x, y), samples=5000)
    assert abs(found.log_likelihood.value - exact.mean().item()) < 5 * found.log_likelihood.mc_se
    assert found.elbo == pytest.approx(exact_bound(vae, x, y).mean().item(), abs=0.1)


def test_with_every_label_it_is_the_conditional_vae_and_the_class():
    vae, x = discrete()
    conditional = ConditionalVAE(vae.prior, vae.posterior, vae.likelihood, classes=C)
    losses = [EnumeratedELBO().loss(m.model, m.guide, x, LABELLED) for m in (vae, conditional)]
    prior = vae.label_prior.logits.log_softmax(-1)[LABELLED].sum().item()
    assert losses[0] == pytest.approx(losses[1] - prior)


def test_pyros_masks_come_to_the_same():
    """The program with a site for labels that are observed and one for those that are not."""
    vae, x = discrete()
    vae, x = vae.float(), x.float()  # Pyro makes zeros of this type where it masks
    known = MIXED >= 0
    one_hot = torch.eye(C)[MIXED.clamp(min=0)]

    def model(x):
        with pyro.plate("data", len(x), dim=-1):
            y = pyro.sample("y", vae.label_prior(), obs=one_hot, obs_mask=known)
            z = pyro.sample("z", vae.prior())
            pyro.sample("x", vae.likelihood(vae.beside_z(z, y)), obs=x)

    def guide(x):
        with pyro.plate("data", len(x), dim=-1):
            with poutine.mask(mask=~known):
                guess = pyro.sample("y_unobserved", vae.classifier(x))
            y = torch.where(known.unsqueeze(-1), one_hot, guess)
            pyro.sample("z", vae.posterior(vae.beside_x(x, y)))

    masked = EnumeratedELBO().loss(model, guide, x)
    assert EnumeratedELBO().loss(vae.model, vae.guide, x, MIXED) == pytest.approx(masked)


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


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (lambda v: fit(v, (data(), LABELLED + 1), progress=False), "or -1 .* got 1 to 3"),
        (lambda v: fit(v, (data(), MIXED - 1), progress=False), "got -2 to 1"),
        (lambda v: fit(v, (data(), MIXED.float()), progress=False), "got torch.float32"),
        (lambda v: v.guide(data(), MIXED[:3]), r"integers of shape \(6,\)"),
        (lambda v: v.guide(data(), MIXED + 1 + C), "or -1 where there is none"),
        (lambda v: v.sample(2, -1), "labels from 0 to 2, got -1"),
        (lambda v: v.sample(2, C), "labels from 0 to 2, got 3"),
        (lambda v: v.classify(data()[0]), r"expected data of shape \(n, 5\)"),
        (lambda v: v.decode(torch.zeros(2, L)), r"a dict with latents of .*'y', 'z'"),
    ],
)
def test_what_is_refused(query, said):
    with pytest.raises(ValueError, match=said):
        query(make())


def normal(n_in, n_out=2 * L):
    return NormalPosterior(MLP(n_in, [], n_out))


def classifier(n_in=D, n_out=C):
    return CategoricalPosterior(MLP(n_in, [], n_out))


def decoder(n_in=L + C):
    return BernoulliLikelihood(MLP(n_in, [], D))


@pytest.mark.parametrize(
    ("parts", "label_prior", "said"),
    [
        ((normal(D), normal(D + C), decoder()), None, "classifier: .* got NormalPosterior"),
        ((classifier(4), normal(D + C), decoder()), None, "different shapes of one datum"),
        ((classifier(), normal(D), decoder()), None, r"posterior's data: .* \(8,\), got \(5,\)"),
        ((classifier(), normal(D + C), decoder(L)), None, "likelihood's latents"),
        ((classifier(), normal(D + C, 2), decoder(1 + C)), None, "shapes of one latent"),
        ((classifier(), normal(D + C), decoder()), CategoricalPrior(4), "shapes of one label"),
        ((classifier(), normal(D + C), decoder()), NormalPrior(C), "has no meaning"),
    ],
)
def test_parts_that_do_not_fit(parts, label_prior, said):
    with pytest.raises(ValueError, match=said):
        SemiSupervisedVAE(NormalPrior(L), *parts, label_prior=label_prior)
