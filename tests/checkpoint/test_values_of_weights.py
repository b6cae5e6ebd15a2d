"""Values that no model can have are refused, and so are two that are to be one."""

import pytest
import torch
from tiny import tiny_vae

from pyrovae import VAE, fit, load, save
from pyrovae.checkpoint import read, write
from pyrovae.codebooks import FiniteScalarCodebook, LookupFreeCodebook, MovingAverageCodebook
from pyrovae.likelihoods import BernoulliLikelihood, NormalLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import (
    GammaPosterior,
    NormalPosterior,
    QuantizedPosterior,
    RelaxedCategoricalPosterior,
    VonMisesPosterior,
    WrappedNormalPosterior,
)
from pyrovae.priors import (
    CategoricalCodePrior,
    GammaPrior,
    NormalPrior,
    RelaxedCategoricalPrior,
    RiemannianNormalPrior,
    VampPrior,
    VonMisesPrior,
    WrappedNormalPrior,
)

D = 3


def of(prior, posterior, features=4, likelihood=BernoulliLikelihood, **options):
    q = posterior(MLP(D, [], posterior.network_shape(features)))
    return VAE(prior(features), q, likelihood(MLP(features, [], D), **options))


def coded(codebook, features=4):
    q = QuantizedPosterior(MLP(D, [], features), codebook)
    return VAE(CategoricalCodePrior(q), q, BernoulliLikelihood(MLP(features, [], D)))


def vamp():
    q = NormalPosterior(MLP(D, [], 4))
    prior = VampPrior(q, pseudo_inputs=torch.rand(5, D), components=2)
    return VAE(prior, q, BernoulliLikelihood(MLP(2, [], D)))


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (lambda: coded(MovingAverageCodebook(5, 2)), "posterior.codebook.counts", -1.0),
        (lambda: coded(MovingAverageCodebook(5, 2)), "posterior.codebook.counts", torch.inf),
        (lambda: coded(FiniteScalarCodebook([3, 3])), "posterior.codebook.vectors", 0.3),
        (lambda: coded(LookupFreeCodebook(2)), "posterior.codebook.vectors", 0.0),
        (lambda: of(GammaPrior, GammaPosterior), "prior.rates", 0.0),
        (lambda: of(VonMisesPrior, VonMisesPosterior), "prior.concentrations", -1.0),
        (lambda: of(WrappedNormalPrior, WrappedNormalPosterior), "prior.scales", -1.0),
        (lambda: of(WrappedNormalPrior, WrappedNormalPosterior), "prior.origin", 2.0),
        (lambda: of(RiemannianNormalPrior, WrappedNormalPosterior), "prior.spread", 0.0),
        (
            lambda: of(RelaxedCategoricalPrior, RelaxedCategoricalPosterior),
            "posterior.temperature",
            0.0,
        ),
        (
            lambda: of(NormalPrior, NormalPosterior, likelihood=NormalLikelihood, scale=0.5),
            "likelihood.fixed_scale",
            torch.nan,
        ),
        (lambda: tiny_vae(batch_norm=True), "posterior.network.layers.1.running_var", -1.0),
    ],
    ids=lambda value: None if callable(value) else str(value),
)
def test_buffers_out_of_their_range_are_named(make, name, value, tmp_path):
    path = tmp_path / "model.pt"
    model = make()
    save(model, path)
    load(path)
    content = read(path)
    assert name in content["state_dict"]
    for key, tensor in content["state_dict"].items():
        if tensor.data_ptr() == content["state_dict"][name].data_ptr():
            content["state_dict"][key] = torch.full_like(tensor, value)
    write(path, content)
    for target in (None, model):
        with pytest.raises(ValueError, match=rf"model\.pt: {name}: expected "):
            load(path, model=target)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (vamp, "posterior.network.layers.0.bias"),
        (lambda: coded(MovingAverageCodebook(5, 2)), "posterior.codebook.counts"),
    ],
)
def test_copies_of_one_tensor_have_to_be_alike(make, name, tmp_path):
    path = tmp_path / "model.pt"
    model = make()
    save(model, path)
    content = read(path)
    first, second = name, f"prior.{name}"
    content["state_dict"][second] = content["state_dict"][second] + 1
    write(path, content)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ValueError, match="expected the same values") as caught:
        load(path, model=model)
    assert first in str(caught.value)
    assert second in str(caught.value)
    assert all(tensor.equal(before[name]) for name, tensor in model.state_dict().items())


def test_training_does_not_go_on_from_such_values(tmp_path):
    path, x = tmp_path / "run.pt", torch.rand(6, D).round()
    model = coded(MovingAverageCodebook(5, 2))
    options = {"compile": False, "progress": False, "checkpoint": path}
    fit(model, x, epochs=1, **options)
    content = read(path)
    for name in content["state_dict"]:
        if name.endswith("codebook.counts"):
            content["state_dict"][name] = -torch.ones(5)
    write(path, content)
    with pytest.raises(ValueError, match=r"counts: expected finite numbers of at least 0"):
        fit(model, x, epochs=2, resume=True, **options)
