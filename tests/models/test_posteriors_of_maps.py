"""Every posterior over maps is the one over the same numbers in a row; the others say so."""

import pytest
import torch
from registry import AROUND, DATA, POSTERIORS
from test_maps import MAP, ROW, agree, binary, decoder, doubled, same_step, twins

from pyrovae import VAE, encode, evaluate, fit, load, save, score
from pyrovae.nn import MLP
from pyrovae.objectives import (
    ELBO,
    AnalyticKLELBO,
    DoublyReparameterizedELBO,
    StickingTheLandingELBO,
)
from pyrovae.posteriors import GammaPosterior, IAFPosterior, NormalPosterior, VonMisesPosterior
from pyrovae.priors import GammaPrior, NormalPrior, VampPrior, VonMisesPrior

PLACES = 6
PAIRS = {
    "gamma": (GammaPosterior, GammaPrior),
    "angles": (VonMisesPosterior, VonMisesPrior),
    "iaf": (IAFPosterior, NormalPrior),
}
every = pytest.mark.parametrize("name", PAIRS)


def made(name, shape):
    cls, prior = PAIRS[name]
    options = {}
    if cls is IAFPosterior:
        channels = 2 if len(shape) > 1 else 2 * PLACES
        options = {"context_features": channels, "hidden": (13,)}
    network = MLP(DATA, [4], cls.network_shape(shape, **options), activation="tanh")
    return VAE(prior(shape), cls(network, **options), decoder(shape))


def pair(name):
    return twins(lambda shape: made(name, shape))


@every
@pytest.mark.parametrize(
    "objective", [ELBO, AnalyticKLELBO, StickingTheLandingELBO, DoublyReparameterizedELBO]
)
def test_a_step_is_the_same(name, objective):
    same_step(*pair(name), objective, binary(5))


@every
def test_densities_are_the_same_at_draws_and_elsewhere(name):
    maps, rows = pair(name)
    x = binary(4)
    q, expected = maps.posterior(x), rows.posterior(x)
    assert (q.batch_shape, q.event_shape) == ((4,), MAP)
    torch.manual_seed(1)
    z = q.rsample((3,))
    torch.manual_seed(1)
    flat = expected.rsample((3,))
    agree(z.flatten(2), flat)
    agree(q.log_prob(z), expected.log_prob(flat))
    agree(q.log_prob(z.clone()), q.log_prob(z))
    agree(maps.prior().log_prob(z), rows.prior().log_prob(flat))


@every
def test_what_is_measured_encoded_and_decoded_is_the_same(name):
    maps, rows = pair(name)
    x = binary(20)
    reports = [evaluate(model, x, samples=20) for model in (maps, rows)]
    for number in ("elbo", "reconstruction", "kl"):
        agree(*(torch.tensor(getattr(report, number)) for report in reports))
    assert reports[0].active_units == reports[1].active_units
    agree(*(score(model, x, samples=10).log_likelihood for model in (maps, rows)))
    # A flow has no mean in closed form.
    moments = "draws" if name == "iaf" else "mean"
    codes = encode(maps, x, moments=moments)
    assert codes.shape == (20, *MAP)
    agree(codes.flatten(1), encode(rows, x, moments=moments))
    agree(maps.decode(codes).mean, rows.decode(codes.flatten(1)).mean)


@every
def test_it_trains_compiled_and_is_saved_and_loaded(name, tmp_path, only_traced):
    model, x = made(name, MAP), binary(8)
    history = fit(model, x, epochs=2, batch_size=4, compile=True, progress=False)
    assert history.compiled.startswith("compiled")
    save(model, tmp_path / "model.pt")
    loaded, z = load(tmp_path / "model.pt"), model.posterior(x).sample()
    agree(loaded.posterior(x).log_prob(z), model.posterior(x).log_prob(z.clone()))
    assert torch.equal(loaded.prior().log_prob(z), model.prior().log_prob(z))


@every
def test_a_prior_made_of_them_takes_maps(name):
    def make(shape):
        model = made(name, shape)
        pseudo = torch.linspace(0, 1, 3 * torch.Size(DATA).numel()).view(3, *DATA)
        return VAE(
            VampPrior(model.posterior, pseudo_inputs=pseudo), model.posterior, decoder(shape)
        )

    same_step(*twins(make), ELBO, binary(5))


@pytest.mark.parametrize("name", [name for name in POSTERIORS if name not in AROUND])
def test_others_take_vectors_and_say_so(name):
    cls = type(POSTERIORS[name]())
    if cls.takes_maps:
        assert len(cls.network_shape(MAP)) == len(MAP)
        return
    with pytest.raises(
        ValueError, match=f"{cls.__name__} takes vectors, not maps: expected .* got"
    ):
        cls(MLP(DATA, [], doubled(MAP)))


def test_a_map_whose_channels_cannot_be_divided_is_refused():
    with pytest.raises(ValueError, match=r"for \[2, 2, 3\] latent variables, got \(17, 2, 3\)"):
        IAFPosterior(MLP(DATA, [], (17, 2, 3)))
    for cls in (NormalPosterior, GammaPosterior):
        with pytest.raises(ValueError, match=r"along the first dimension, got \(3, 2, 3\)"):
            cls(MLP(DATA, [], (3, 2, 3)))
    assert ROW[0] == torch.Size(MAP).numel()
