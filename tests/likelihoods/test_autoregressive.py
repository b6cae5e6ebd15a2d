"""Decoders that see the pixels before: exact small cases, draws, and what is said of the mean."""

from itertools import product

import pytest
import torch
from tiny import state

from pyrovae import VAE, evaluate, fit, load, save
from pyrovae.likelihoods import (
    BernoulliLikelihood,
    CategoricalLikelihood,
    DiscretizedLogisticLikelihood,
    DiscretizedLogisticMixtureLikelihood,
    NormalLikelihood,
    PerceptualLikelihood,
    PixelCNNLikelihood,
    PoissonLikelihood,
    TransformerLikelihood,
)
from pyrovae.models import MissingDataVAE
from pyrovae.nn import MLP, Identity
from pyrovae.objectives import ELBO, ImportanceWeightedELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

PIXELS = {
    "Bernoulli": (lambda: BernoulliLikelihood(Identity(1)), [0.0, 1.0]),
    "levels": (lambda: CategoricalLikelihood(Identity(3), categories=3), [0.0, 0.5, 1.0]),
    "logistic": (lambda: DiscretizedLogisticLikelihood(Identity(1), levels=2), [0.0, 1.0]),
    "logistics": (
        lambda: DiscretizedLogisticMixtureLikelihood(Identity(6), components=2, levels=3),
        [0.0, 0.5, 1.0],
    ),
    "head": (lambda: BernoulliLikelihood(MLP(3, [4], 1)), [0.0, 1.0]),
}
DECODERS = {
    "convolutions": lambda *parts: PixelCNNLikelihood(
        *parts, context_features=3, features=4, layers=2
    ),
    "attention": lambda *parts: TransformerLikelihood(
        *parts, context_features=3, features=4, heads=2, layers=1
    ),
}
SHAPES = {"an image": (1, 2, 3), "channels": (2, 1, 2), "a vector": (3,)}
each_decoder = pytest.mark.parametrize("decoder", DECODERS)


def made(decoder, pixel="Bernoulli", shape=(1, 2, 3), latents=2):
    context = (3 * shape[0], *shape[1:])
    likelihood = DECODERS[decoder](
        MLP(latents, [4], context, activation="tanh"), PIXELS[pixel][0]()
    )
    with torch.no_grad():
        for parameter in likelihood.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return likelihood


def every(pixel, shape):
    values = [*product(PIXELS[pixel][1], repeat=torch.Size(shape).numel())]
    return torch.tensor(values).view(-1, *shape)


def vae(decoder, **options):
    likelihood = made(decoder, **options)
    shape = likelihood.data_shape
    q = NormalPosterior(MLP(shape, [4], 4, activation="tanh"))
    return VAE(NormalPrior(2), q, likelihood)


@each_decoder
@pytest.mark.parametrize("pixel", PIXELS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=list(SHAPES))
def test_probabilities_of_all_data_add_up_to_one(decoder, pixel, shape):
    likelihood = made(decoder, pixel, shape).double()
    p = likelihood(torch.randn(3, 2, dtype=torch.double))
    assert (p.batch_shape, p.event_shape) == ((3,), shape)
    x = every(pixel, shape).double()
    log_p = p.log_prob(x.unsqueeze(1))
    assert log_p.shape == (len(x), 3)
    torch.testing.assert_close(log_p.logsumexp(0), torch.zeros(3, dtype=torch.double))
    assert p.support.check(x.unsqueeze(1)).all()
    assert not p.support.check(x - 2.0).any()


@each_decoder
def test_each_pixel_knows_those_before_it_in_the_order_of_the_channels(decoder):
    """Also of other pixels and other latents: the parameters are those of no other datum."""
    shape = (2, 2, 2)
    p = made(decoder, shape=shape)(torch.randn(5, 2))
    x = torch.rand(5, *shape).round()
    order = [(c, i, j) for i in range(2) for j in range(2) for c in range(2)]

    def terms(x):
        places = x.movedim(1, -1).flatten(1)
        parameters = p.network(places, p.context)
        return p.variable(parameters).log_prob(places.unsqueeze(-1)).squeeze(-1)

    before = terms(x)
    torch.testing.assert_close(before.sum(-1), p.log_prob(x))
    for place, (c, i, j) in enumerate(order):
        other = x.clone()
        other[:, c, i, j] = 1 - x[:, c, i, j]
        changed = (terms(other) != before).any(0)
        assert not changed[:place].any()
        assert changed[place]


@each_decoder
def test_draws_are_those_of_all_at_once_with_one_stream(decoder):
    likelihood = made(decoder, "levels", (2, 3, 2)).double()
    p = likelihood(torch.randn(4, 2, dtype=torch.double))
    torch.manual_seed(3)
    found = p.sample((2,))
    torch.manual_seed(3)
    places = torch.zeros(8, 12, dtype=torch.double)
    context = p.context.expand(2, -1, -1, -1).flatten(0, 1)
    with torch.no_grad():
        for i in range(12):
            parameters = p.network(places, context)[:, i]
            places[:, i] = p.variable(parameters).sample().squeeze(-1)
    assert torch.equal(found, places.view(2, 4, 3, 2, 2).movedim(-1, -3))


@each_decoder
def test_draws_are_as_frequent_as_their_probabilities(decoder):
    torch.manual_seed(0)
    p = made(decoder)(torch.randn(2))
    x = every("Bernoulli", (1, 2, 3))
    drawn = p.sample((20_000,)).flatten(1)
    found = (drawn @ 2.0 ** torch.arange(5, -1, -1)).long().bincount(minlength=64) / 20_000
    # Standard errors are below 0.0036.
    assert (found - p.log_prob(x).exp()).abs().max() < 0.018


@each_decoder
def test_particles_and_batches_are_each_others(decoder):
    p = made(decoder)
    z, x = torch.randn(3, 4, 2), torch.rand(4, 1, 2, 3).round()
    together = p(z).log_prob(x)
    assert together.shape == (3, 4)
    for k, b in product(range(3), range(4)):
        torch.testing.assert_close(together[k, b], p(z[k, b]).log_prob(x[b]))
    torch.testing.assert_close(p(z[0, :1]).expand([4]).log_prob(x), p(z[0, :1]).log_prob(x))


@each_decoder
def test_training_evaluation_files_and_queries(decoder, tmp_path):
    torch.manual_seed(0)
    model = vae(decoder)
    # A pixel is most often what the one before is.
    x = torch.rand(400, 6).lt(0.1).long().cumsum(1).remainder(2).float().view(-1, 1, 2, 3)
    adam = lambda parameters: torch.optim.Adam(parameters, lr=0.02)
    fit(model, x, objective=ELBO(), epochs=12, optimizer=adam, progress=False)
    report = evaluate(model, x, samples=20)
    shares = x.mean(0)
    independent = -torch.distributions.Bernoulli(shares).entropy().sum().item()
    assert report.elbo > independent
    assert report.bits_per_dim < 1
    assert evaluate(model, x[:8], samples=5).is_density
    assert not evaluate(model, 0.5 * x[:8], samples=5).is_density
    with pytest.warns(UserWarning, match="Autoregressive has no mean in closed form, so a draw"):
        assert model.reconstruct(x[:3]).shape == (3, 1, 2, 3)
    drawn = model.sample(5, draw=True)
    assert ((drawn == 0) | (drawn == 1)).all()
    save(model, tmp_path / "vae.pt")
    z = torch.randn(3, 2)
    loaded = load(tmp_path / "vae.pt").decode(z).log_prob(x[:3])
    assert torch.equal(loaded, model.decode(z).log_prob(x[:3]))


@pytest.mark.parametrize(
    ("decoder", "traced"),
    [
        ("attention", True),
        ("convolutions", True),
        pytest.param("attention", False, marks=pytest.mark.proof),
        pytest.param("convolutions", False, marks=pytest.mark.proof),
    ],
)
def test_a_compiled_step_is_the_eager_one(decoder, traced, request):
    if traced:
        request.getfixturevalue("only_traced")
    x, states = torch.rand(20, 1, 2, 3).round(), []
    for compile in (False, True):
        torch.manual_seed(1)
        model = vae(decoder)
        history = fit(
            model,
            x,
            objective=ImportanceWeightedELBO(num_particles=2),
            epochs=2,
            batch_size=10,
            optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.01),
            compile=compile,
            progress=False,
            seed=0,
        )
        states.append(state(model))
    assert history.compiled.startswith("compiled in")
    for name, tensor in states[0].items():
        torch.testing.assert_close(states[1][name], tensor, rtol=1e-4, atol=1e-5)


def test_continuous_pixels_have_a_density():
    torch.manual_seed(0)
    likelihood = PixelCNNLikelihood(
        MLP(2, [], 6), NormalLikelihood(Identity(1)), context_features=3, features=4, layers=1
    )
    p = likelihood(torch.randn(2))
    grid = torch.linspace(-12, 12, 400)
    x = torch.cartesian_prod(grid, grid)
    # The trapezoid rule of smooth densities that end within the grid is exact to rounding.
    total = p.log_prob(x).exp().sum() * (grid[1] - grid[0]) ** 2
    assert total.item() == pytest.approx(1, abs=1e-3)


def test_what_does_not_fit_is_refused():
    network = MLP(2, [], (3, 2, 3))
    with pytest.raises(ValueError, match="pixel: expected a likelihood with data_shape"):
        PixelCNNLikelihood(network, BernoulliLikelihood(Identity(2)), context_features=3)
    with pytest.raises(ValueError, match="got PoissonLikelihood, a likelihood of counts"):
        TransformerLikelihood(network, PoissonLikelihood(Identity(1)), context_features=3)
    losing = PerceptualLikelihood(BernoulliLikelihood(Identity(1)), torch.sin)
    with pytest.raises(ValueError, match="got PerceptualLikelihood, which adds a loss to it"):
        PixelCNNLikelihood(network, losing, context_features=3)
    with pytest.raises(ValueError, match=r"divides by 8 .*got \(3, 2, 3\)"):
        PixelCNNLikelihood(network, BernoulliLikelihood(Identity(1)))
    with pytest.raises(ValueError, match="context_features: expected at least 1, got 0"):
        PixelCNNLikelihood(network, BernoulliLikelihood(Identity(1)), context_features=0)
    likelihood = PixelCNNLikelihood(network, BernoulliLikelihood(Identity(1)), context_features=3)
    q = NormalPosterior(MLP((1, 2, 3), [], 4))
    model = MissingDataVAE(NormalPrior(2), q, likelihood)
    x, mask = torch.rand(4, 1, 2, 3).round(), torch.rand(4, 1, 2, 3) < 0.5
    with pytest.raises(ValueError, match=r"independent variables, .*got Autoregressive"):
        ELBO().loss(model.model, model.guide, x, mask)
