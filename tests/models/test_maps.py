"""Latents that are maps: a model over maps is the one over the same numbers in one row."""

import pyro
import pytest
import torch
from refusals import QUANTIZED
from registry import DATA, OBJECTIVES

from pyrovae import VAE, evaluate, load, save, score
from pyrovae.evaluation import encode, kl_decomposition, latent_variables, wider
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import (
    Autoencoder,
    ConditionalVAE,
    HierarchicalVAE,
    LadderVAE,
    MissingDataVAE,
    MixedVAE,
    MultimodalVAE,
)
from pyrovae.nn import MLP, ConvDecoder, ConvEncoder
from pyrovae.objectives import ELBO, CapacityELBO, FreeBitsELBO, TotalCorrelationELBO
from pyrovae.posteriors import (
    CategoricalPosterior,
    MixtureOfProductsPosterior,
    MixturePosterior,
    NormalPosterior,
    ProductPosterior,
    VectorQuantizedPosterior,
)
from pyrovae.priors import (
    CategoricalCodePrior,
    CategoricalPrior,
    DistributionPrior,
    ExemplarPrior,
    FlowPrior,
    MixturePrior,
    NormalPrior,
    UniformSpherePrior,
    VampPrior,
)

MAP = (2, 2, 3)
ROW = (12,)

PRIORS = {
    "NormalPrior": lambda shape, q: NormalPrior(shape),
    "NormalPrior-learned": lambda shape, q: NormalPrior(shape, learned=True),
    "MixturePrior": lambda shape, q: MixturePrior(shape, components=3),
    "VampPrior": lambda shape, q: VampPrior(q, pseudo_inputs=torch.rand(4, *DATA)),
    "ExemplarPrior": lambda shape, q: ExemplarPrior(q, exemplars=binary(6)),
    "FlowPrior": lambda shape, q: FlowPrior(shape, transforms=2, hidden=(13,)),
    "FlowPrior-coupling": lambda shape, q: FlowPrior(
        shape, transform="affine_coupling", transforms=2, hidden=(4,)
    ),
    "FlowPrior-spline": lambda shape, q: FlowPrior(
        shape, transform="spline_autoregressive", transforms=1, hidden=(13,)
    ),
    "DistributionPrior": lambda shape, q: DistributionPrior(shape),
}


def binary(n, seed=1):
    return torch.rand(n, *DATA, generator=torch.Generator().manual_seed(seed)).round()


def doubled(shape):
    return (2 * shape[0], *shape[1:])


def posterior(shape, *, read=DATA):
    return NormalPosterior(MLP(read, [4], doubled(shape), activation="tanh"))


def decoder(shape):
    return BernoulliLikelihood(MLP(shape, [4], DATA, activation="tanh"))


def vae(shape, prior="NormalPrior"):
    q = posterior(shape)
    return VAE(PRIORS[prior](shape, q), q, decoder(shape))


def twins(make):
    """A model over maps and one over rows, with the same numbers in their parameters."""
    maps, rows = make(MAP), make(ROW)
    state = {name: value.flatten() for name, value in rows.state_dict().items()}
    own = maps.state_dict()
    maps.load_state_dict({name: state[name].view(own[name].shape) for name in own})
    return maps, rows


def agree(found, expected):
    """Sums of as many terms, which single precision may round in another order."""
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def same_step(maps, rows, objective, *batch):
    """Loss and gradients at the same random numbers."""
    found = []
    for model in (maps, rows):
        torch.manual_seed(5)
        with pyro.get_param_store().scope():
            loss = objective().loss_and_grads(model.model, model.guide, *batch)
        found.append((torch.as_tensor(loss), dict(model.named_parameters())))
    (loss, parameters), (expected, others) = found
    agree(loss, expected)
    for name, parameter in parameters.items():
        agree(parameter.grad.flatten(), others[name].grad.flatten())


@pytest.mark.parametrize("prior", PRIORS)
def test_a_prior_of_maps_is_that_of_the_same_numbers_in_a_row(prior):
    maps, rows = twins(lambda shape: vae(shape, prior))
    p, expected = maps.prior(), rows.prior()
    assert p.batch_shape == ()
    assert p.event_shape == torch.Size(MAP)
    z = torch.randn(7, 3, *MAP)
    agree(p.log_prob(z), expected.log_prob(z.flatten(2)))
    torch.manual_seed(2)
    draws = p.sample((50,))
    torch.manual_seed(2)
    assert draws.shape == (50, *MAP)
    agree(draws.flatten(1), expected.sample((50,)))
    same_step(maps, rows, ELBO, binary(5))


@pytest.mark.parametrize("name", [n for n in OBJECTIVES if n not in QUANTIZED])
def test_an_objective_counts_each_variable_of_a_map(name):
    same_step(*twins(vae), OBJECTIVES[name], binary(5))


@pytest.mark.parametrize(
    "objective",
    [
        lambda: FreeBitsELBO(free_nats=0.01, per="feature"),
        lambda: CapacityELBO(capacity=1.0),
        lambda: TotalCorrelationELBO(data_size=50),
    ],
)
def test_objectives_over_single_variables_take_maps(objective):
    same_step(*twins(vae), objective, binary(5))


@pytest.mark.parametrize("prior", ["NormalPrior", "FlowPrior", "VampPrior"])
def test_everything_that_is_measured_is_the_same(prior):
    maps, rows = twins(lambda shape: vae(shape, prior))
    x = binary(30)
    reports = [evaluate(model, x, samples=20) for model in (maps, rows)]
    for name in ("elbo", "reconstruction", "kl"):
        agree(*(torch.tensor(getattr(report, name)) for report in reports))
    agree(*(torch.tensor(report.log_likelihood.value) for report in reports))
    assert reports[0].active_units == reports[1].active_units
    uses = [latent_variables(model, x)["z"] for model in (maps, rows)]
    agree(torch.tensor(uses[0].variance), torch.tensor(uses[1].variance))
    assert (uses[0].kl is None) == (uses[1].kl is None)
    if uses[0].kl is not None:
        assert len(uses[0].kl) == ROW[0]
        agree(torch.tensor(uses[0].kl), torch.tensor(uses[1].kl))
    scores = [score(model, x, samples=10) for model in (maps, rows)]
    agree(scores[0].log_likelihood, scores[1].log_likelihood)
    parts = [kl_decomposition(model, x, drawn=10) for model in (maps, rows)]
    for name in ("mutual_information", "marginal_kl", "total_correlation"):
        agree(*(torch.tensor(getattr(part, name).value) for part in parts))
    wide = [score(wider(model, 1.5), x, samples=10).log_likelihood for model in (maps, rows)]
    agree(*wide)


def test_codes_have_the_shape_of_a_map():
    maps, rows = twins(vae)
    x = binary(4)
    codes = maps.encode(x)
    assert codes.shape == (4, *MAP)
    agree(codes.flatten(1), rows.encode(x))
    agree(maps.decode(codes).mean, rows.decode(codes.flatten(1)).mean)
    agree(maps.reconstruct(x), rows.reconstruct(x))
    assert encode(maps, x, moments="both").std.shape == codes.shape
    torch.manual_seed(0)
    found = maps.sample(6)
    torch.manual_seed(0)
    agree(found, rows.sample(6))


@pytest.mark.parametrize("prior", PRIORS)
def test_a_model_of_maps_is_saved_and_loaded(prior, tmp_path):
    model = vae(MAP, prior)
    save(model, tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt")
    if prior == "ExemplarPrior":
        loaded.prior.set_data(binary(6))
    z = torch.randn(3, *MAP)
    assert torch.equal(loaded.eval().prior().log_prob(z), model.eval().prior().log_prob(z))


def hierarchical(shape):
    return HierarchicalVAE(
        NormalPrior(shape),
        [posterior(shape), posterior(shape, read=shape)],
        decoder(shape),
        conditional_priors=[posterior(shape, read=shape)],
    )


def ladder(shape):
    return LadderVAE(
        NormalPrior(shape),
        [posterior(shape, read=3), posterior(shape, read=3)],
        decoder(shape),
        conditional_priors=[posterior(shape, read=shape)],
        encoders=[MLP(DATA, [], 3), MLP(3, [], 3)],
    )


def missing(shape):
    return MissingDataVAE(NormalPrior(shape), posterior(shape), decoder(shape))


def mixed(shape):
    c = CategoricalPosterior(MLP(DATA, [], 3))
    likelihood = BernoulliLikelihood(MLP(12 + 3, [], DATA))
    return MixedVAE(NormalPrior(shape), posterior(shape), CategoricalPrior(3), c, likelihood)


def autoencoder(shape):
    return Autoencoder(MLP(DATA, [4], shape), decoder(shape))


@pytest.mark.parametrize("make", [hierarchical, ladder, mixed, autoencoder])
def test_models_take_maps(make):
    maps, rows = twins(make)
    same_step(maps, rows, ELBO, binary(5))
    assert maps.sample(2).shape == (2, *DATA) if make is not autoencoder else True
    agree(maps.reconstruct(binary(3)), rows.reconstruct(binary(3)))


def test_missing_data_take_maps():
    maps, rows = twins(missing)
    same_step(maps, rows, ELBO, binary(5), binary(5, seed=3) > 0)


@pytest.mark.parametrize("kind", [ProductPosterior, MixturePosterior, MixtureOfProductsPosterior])
def test_experts_take_maps(kind):
    def make(shape):
        likelihoods = {"left": decoder(shape), "right": decoder(shape)}
        return MultimodalVAE(
            NormalPrior(shape), kind([posterior(shape), posterior(shape)]), likelihoods
        )

    same_step(*twins(make), ELBO, binary(5), binary(5, seed=3))


def test_a_condition_stands_in_channels_beside_a_map():
    model = ConditionalVAE(
        NormalPrior(MAP),
        NormalPosterior(ConvEncoder((DATA[0] + 3, *DATA[1:]), doubled(MAP), channels=(2,))),
        BernoulliLikelihood(ConvDecoder((2 + 3, 2, 3), DATA, channels=(2,))),
        classes=3,
    )
    y = torch.tensor([0, 2])
    ELBO().loss_and_grads(model.model, model.guide, binary(2), y)
    assert model.sample(2, y).shape == (2, *DATA)


def test_a_codebook_has_maps_of_vectors():
    shape = VectorQuantizedPosterior.network_shape(MAP)
    q = VectorQuantizedPosterior(MLP(DATA, [], shape), codes=4, code_features=2)
    model = VAE(CategoricalCodePrior(q), q, decoder(MAP))
    assert model.encode(binary(2)).shape == (2, *MAP)


def test_a_map_is_split_along_its_first_dimension():
    network = MLP(DATA, [3], doubled(MAP))
    x = binary(4)
    q = NormalPosterior(network)(x)
    assert (q.batch_shape, q.event_shape) == ((4,), MAP)
    torch.testing.assert_close(q.mean, network(x)[:, : MAP[0]])


def test_parts_over_vectors_say_so():
    with pytest.raises(ValueError, match=r"along the first dimension, got \(3, 2, 3\)"):
        NormalPosterior(MLP(DATA, [], (3, 2, 3)))
    with pytest.raises(ValueError, match="latent_features: expected a whole number, got list"):
        UniformSpherePrior(list(MAP))
    with pytest.raises(ValueError, match="latent"):
        VAE(NormalPrior(ROW), posterior(MAP), decoder(MAP))
    with pytest.raises(ValueError, match="hidden: .* at least 12 units"):
        FlowPrior(MAP, hidden=(11,))
