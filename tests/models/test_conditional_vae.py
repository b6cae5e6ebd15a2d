"""The VAE of data with a condition: its densities, its queries and what it refuses."""

import copy

import pytest
import torch
from matplotlib.figure import Figure
from pyro.infer import SVI, Trace_ELBO
from pyro.optim import Adam
from registry import DATA, LATENT, LIKELIHOODS, POINTS, POSTERIORS, PRIORS, data_for, fits
from torch.utils.data import DataLoader, TensorDataset

from pyrovae import VAE, evaluate, fit, load, plots, save
from pyrovae.datasets import TensorSplit
from pyrovae.likelihoods import BernoulliLikelihood, NormalLikelihood
from pyrovae.models import ConditionalVAE
from pyrovae.nn import MLP, ConvDecoder, ConvEncoder
from pyrovae.objectives import (
    ELBO,
    AnalyticKLELBO,
    DoublyReparameterizedELBO,
    EnumeratedELBO,
    ImportanceWeightedELBO,
)
from pyrovae.posteriors import CategoricalPosterior, NormalPosterior
from pyrovae.priors import CategoricalPrior, NormalPrior, VampPrior

D, L, C = 5, 2, 3
Y = torch.tensor([0, 2, 1, 1, 0, 2, 2])


def data(n=7):
    return torch.rand(n, D, generator=torch.Generator().manual_seed(1)).round()


def tanh(*arguments):
    return MLP(*arguments, activation="tanh")


def make(**options):
    return ConditionalVAE(
        NormalPrior(L),
        NormalPosterior(tanh(D + C, [4], 2 * L)),
        BernoulliLikelihood(tanh(L + C, [4], D)),
        classes=C,
        **options,
    )


def test_the_bound_is_the_sum_over_the_latent_with_the_label_in_both_networks():
    vae = ConditionalVAE(
        CategoricalPrior(4, learned=True),
        CategoricalPosterior(tanh(D + C, [4], 4)),
        BernoulliLikelihood(tanh(4 + C, [4], D)),
        classes=C,
    ).double()
    x = data().double()
    y = torch.eye(C).double()[Y]
    log_q = vae.posterior.network(torch.cat([x, y], 1)).log_softmax(-1)
    log_p = torch.stack(
        [
            vae.prior.logits.log_softmax(-1)[k]
            + vae.likelihood(torch.cat([torch.eye(4).double()[[k] * 7], y], 1)).log_prob(x)
            for k in range(4)
        ],
        dim=1,
    )
    exact = (log_q.exp() * (log_p - log_q)).sum()
    loss = EnumeratedELBO().differentiable_loss(vae.model, vae.guide, x, Y)
    torch.testing.assert_close(-loss, exact)
    parameters = list(vae.parameters())
    found, expected = (torch.autograd.grad(v, parameters) for v in (-loss, exact))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)
    report = evaluate(vae, (x, Y), samples=2000)
    exact = log_p.logsumexp(1).mean().item()
    assert abs(report.log_likelihood.value - exact) < 5 * report.log_likelihood.mc_se


OBJECTIVES = [
    ELBO(num_particles=3),
    AnalyticKLELBO(),
    ImportanceWeightedELBO(num_particles=4),
    DoublyReparameterizedELBO(num_particles=3),
    EnumeratedELBO(num_particles=2),
    Trace_ELBO(num_particles=2, vectorize_particles=True, max_plate_nesting=1),
]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: type(o).__name__)
def test_with_networks_that_ignore_the_condition_it_is_the_vae(objective):
    conditional = make()
    posterior = NormalPosterior(tanh(D, [4], 2 * L))
    plain = VAE(NormalPrior(L), posterior, BernoulliLikelihood(tanh(L, [4], D)))
    state = conditional.state_dict()
    for part, size in (("posterior", D), ("likelihood", L)):
        first = state[f"{part}.network.layers.0.weight"]
        first[:, size:] = 0
        weights = {k: v for k, v in state.items() if k.startswith(part)}
        weights[f"{part}.network.layers.0.weight"] = first[:, :size]
        plain.load_state_dict(weights, strict=False)
    losses = []
    for vae, batch in ((conditional, (data(), Y)), (plain, (data(),))):
        torch.manual_seed(0)
        losses.append(objective.loss(vae.model, vae.guide, *batch))
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_a_prior_given_the_condition_with_a_decoder_of_latents_alone():
    """All normal: p(x|y) has a closed form."""
    prior = NormalPosterior(MLP((2,), [], 2 * L))
    likelihood = NormalLikelihood(MLP(L, [], D), scale=0.5)
    vae = ConditionalVAE(
        prior, NormalPosterior(MLP(D + 2, [], 2 * L)), likelihood, condition_shape=2
    )
    x, y = torch.randn(6, D), torch.randn(6, 2)
    with torch.no_grad():
        # Wider than the posterior: a narrow proposal has weights without a variance.
        vae.posterior.network.layers[-1].bias[L:] = 2.0
    p = prior(y).base_dist
    (weight, bias) = likelihood.network.layers[0].parameters()
    covariance = weight @ torch.diag_embed(p.scale**2) @ weight.T + 0.25 * torch.eye(D)
    exact = torch.distributions.MultivariateNormal(p.loc @ weight.T + bias, covariance)
    found = evaluate(vae, (x, y), samples=20_000).log_likelihood
    assert abs(found.value - exact.log_prob(x).mean().item()) < 5 * found.mc_se
    # The draws come from p(z|y).
    many = vae.sample(4000, y[0])
    error = (many.std(0) / 4000**0.5).max().item()
    torch.testing.assert_close(many.mean(0), exact.mean[0], atol=5 * error, rtol=0)


def again(part, in_shape):
    """A part of the registry with a network of another input."""
    options = {k: v for k, v in part.init_args.items() if k != "network"}
    return type(part)(tanh(in_shape, [4], part.network.out_shape), **options)


# A codebook of points learns by an objective of its own.
@pytest.mark.parametrize("name", [name for name in POSTERIORS if name not in POINTS])
def test_every_posterior_and_prior(name):
    prior = next(p for p in PRIORS if fits(p, name) and p not in ("VampPrior", "ExemplarPrior"))
    posterior = again(POSTERIORS[name](), DATA.numel() + C)
    likelihood = BernoulliLikelihood(tanh(LATENT + C, [4], DATA))
    learns(ConditionalVAE(PRIORS[prior](posterior), posterior, likelihood, classes=C))


@pytest.mark.parametrize("name", LIKELIHOODS)
def test_every_likelihood(name):
    likelihood = again(LIKELIHOODS[name](), LATENT + C)
    posterior = NormalPosterior(tanh(DATA.numel() + C, [4], 2 * LATENT))
    vae = ConditionalVAE(NormalPrior(LATENT), posterior, likelihood, classes=C)
    learns(vae, data_for(name, (7,)))


def test_a_vamp_prior_of_data_with_their_conditions():
    posterior = NormalPosterior(tanh(D + C, [4], 2 * L))
    x = torch.cat([data(), torch.eye(C)[Y]], 1)
    likelihood = BernoulliLikelihood(tanh(L + C, [4], D))
    prior = VampPrior(posterior, pseudo_inputs=x, components=3)
    learns(ConditionalVAE(prior, posterior, likelihood, classes=C), data())


@pytest.mark.parametrize("condition", [{"classes": C}, {"condition_shape": (2, 6, 5)}])
def test_convolutions(condition):
    channels = C if "classes" in condition else 2
    size = C if "classes" in condition else 60
    vae = ConditionalVAE(
        NormalPrior(L),
        NormalPosterior(ConvEncoder((1 + channels, 6, 5), 2 * L, channels=(2,), activation="elu")),
        BernoulliLikelihood(ConvDecoder(L + size, DATA, channels=(2,), activation="elu")),
        **condition,
    )
    learns(vae, y=Y if "classes" in condition else torch.rand(7, 2, 6, 5))


def learns(vae, x=None, y=Y):
    """Each parameter moves in one step of training, with several particles."""
    x = torch.rand(7, *vae.data_shape) if x is None else x
    before = {name: p.detach().clone() for name, p in vae.named_parameters()}
    fit(vae, (x, y), objective=ELBO(num_particles=2), epochs=1, progress=False)
    assert [n for n, p in vae.named_parameters() if torch.equal(p, before[n])] == []


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
                ValueError, match=r"trained with the classes \[0, 2\], .* nothing of \[1\]"
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


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (lambda v: v.sample(2, 3), "labels from 0 to 2, got 3 to 3"),
        (lambda v: v.sample(2, -1), "labels from 0 to 2, got -1 to -1"),
        (lambda v: v.sample(2), "y: expected labels of 2 data, got 0 arguments"),
        (lambda v: v.sample(2, 1, 1), "y: expected labels of 2 data, got 2 arguments"),
        (lambda v: v.sample(2, Y), r"integers of shape \(2,\)"),
        (lambda v: v.sample(2, 1.0), "got torch.float32"),
        (lambda v: v.decode(torch.zeros(2, L)), "got 0 arguments"),
        (lambda v: v.encode(data(), Y[:3]), r"integers of shape \(7,\)"),
        (lambda v: v.encode(data()[:, :4], Y), r"expected data of shape \(n, 5\)"),
        (lambda v: v.model(data(), Y[:3]), r"integers of shape \(7,\)"),
        (lambda v: v.guide(data(), Y.float()), "got torch.float32"),
        (lambda v: fit(v, (data(), Y + 1), progress=False), "from 0 to 2, got 1 to 3"),
        (lambda v: fit(v, data(), progress=False), r"tensors \(x, y\) .* got one tensor in each"),
        (lambda v: evaluate(v, data()), r"tensors \(x, y\) .* got one tensor in each"),
        (
            lambda v: fit(
                VAE(
                    NormalPrior(L),
                    NormalPosterior(MLP(D, [], 2 * L)),
                    BernoulliLikelihood(MLP(L, [], D)),
                ),
                TensorSplit(data(), labels=Y).with_labels(),
                progress=False,
            ),
            r"tensors \(x\) .* got 2 tensors in each",
        ),
    ],
)
def test_what_is_refused(query, said):
    with pytest.raises(ValueError, match=said):
        query(make())


def test_a_label_that_slipped_through_makes_the_loss_nan():
    vae = make()
    assert torch.isnan(vae.condition(7, Y + 1)).any(1).tolist() == (Y == 2).tolist()


def parts(**changes):
    found = {
        "prior": NormalPrior(L),
        "posterior": NormalPosterior(MLP(D + C, [], 2 * L)),
        "likelihood": BernoulliLikelihood(MLP(L + C, [], D)),
        "classes": C,
    }
    return ConditionalVAE(**(found | changes))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"classes": None}, "either classes or condition_shape, got None and None"),
        ({"condition_shape": 3}, "either classes or condition_shape, got 3 and 3"),
        ({"classes": 4}, r"posterior's data: expected one of \(5,\) with a condition of \(4,\)"),
        (
            {"posterior": NormalPosterior(MLP(D, [], 2 * L))},
            r"posterior's data: .* \(8,\), got \(5,\)",
        ),
        (
            {"likelihood": BernoulliLikelihood(MLP(L, [], D))},
            r"likelihood's latents: .* \(5,\), got \(2,\)",
        ),
        ({"prior": NormalPrior(3)}, "different shapes of one latent"),
        ({"prior": CategoricalPrior(L)}, "has no meaning"),
        (
            {"prior": NormalPosterior(MLP(C + 1, [], 2 * L))},
            r"different shapes of one condition: prior \(4,\), model \(3,\)",
        ),
    ],
)
def test_parts_that_do_not_fit(changes, said):
    with pytest.raises(ValueError, match=said):
        parts(**changes)


def test_conditions_that_do_not_fit():
    vae = parts(classes=None, condition_shape=C)
    for y in (torch.randn(7, C + 1), torch.randn(6, C), torch.ones(7, C, dtype=torch.uint8)):
        for use in (vae.model, vae.guide, vae.encode, vae.check_batch):
            with pytest.raises(ValueError, match=r"y: expected conditions, floating or bool"):
                use(data(), y)
