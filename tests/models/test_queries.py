"""sample, encode, decode and reconstruct."""

import copy

import linear_gaussian
import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import Size, nn

from pyrovae import VAE
from pyrovae.likelihoods import BernoulliLikelihood, Likelihood, NormalLikelihood
from pyrovae.models import LatentVariableModel
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.posteriors import NormalPosterior, Posterior
from pyrovae.priors import MixturePrior, NormalPrior

DATA = (1, 6, 5)


def make(**options):
    posterior = NormalPosterior(MLP(DATA, [8], 6, **options))
    return VAE(NormalPrior(3), posterior, BernoulliLikelihood(MLP(3, [8], DATA, **options)))


QUERIES = {
    "sample": lambda vae, x: vae.sample(len(x)),
    "sample-draw": lambda vae, x: vae.sample(len(x), draw=True),
    "encode": lambda vae, x: vae.encode(x),
    "decode": lambda vae, x: vae.decode(torch.ones(len(x), 3)).mean,
    "reconstruct": lambda vae, x: vae.reconstruct(x),
    "reconstruct-draw": lambda vae, x: vae.reconstruct(x, draw=True),
}
over_queries = pytest.mark.parametrize("query", QUERIES.values(), ids=list(QUERIES))


@over_queries
def test_shapes_and_no_gradients(query):
    result = query(make(), torch.rand(7, *DATA))
    assert result.shape[0] == 7
    assert result.shape[1:] in {DATA, (3,)}
    assert not result.requires_grad


def test_shapes():
    vae, x = make(), torch.rand(7, *DATA)
    assert vae.sample(7).shape == vae.reconstruct(x).shape == (7, *DATA)
    assert vae.encode(x).shape == (7, 3)
    p = vae.decode(torch.randn(7, 3))
    assert p.batch_shape == (7,)
    assert p.event_shape == DATA


@over_queries
def test_evaluation_mode_and_each_submodules_mode_back(query):
    vae = make(batch_norm=True, dropout=0.5)
    x = torch.rand(7, *DATA)
    ELBO().loss_and_grads(vae.model, vae.guide, x)  # so that running means are not zero
    vae.likelihood.eval()  # frozen by the user
    modes = {name: module.training for name, module in vae.named_modules()}
    assert set(modes.values()) == {True, False}
    seen = []
    for module in vae.modules():
        if isinstance(module, nn.BatchNorm1d | nn.Dropout):
            module.register_forward_hook(lambda module, *_: seen.append(module.training))
    buffers = {name: buffer.clone() for name, buffer in vae.named_buffers()}
    query(vae, x)
    assert seen
    assert not any(seen)
    assert {name: module.training for name, module in vae.named_modules()} == modes
    for name, buffer in vae.named_buffers():
        assert torch.equal(buffer, buffers[name]), name


@over_queries
def test_parameter_store_and_gradients_are_left_alone(query):
    vae = make()
    pyro.param("mine", torch.tensor(1.0))
    query(vae, torch.rand(7, *DATA))
    assert list(pyro.get_param_store()) == ["mine"]
    assert all(p.grad is None for p in vae.parameters())


def test_mode_comes_back_after_an_error():
    vae = make()
    with pytest.raises(ValueError, match="expected data"):
        vae.encode(torch.rand(7, 30))
    assert all(module.training for module in vae.modules())
    assert len(pyro.get_param_store()) == 0


def test_encode_is_the_posteriors_mean_and_decode_the_likelihood():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    z = x @ vae.posterior.weight.T
    torch.testing.assert_close(vae.encode(x), z)
    loc = z @ vae.likelihood.weight.T + vae.likelihood.bias
    torch.testing.assert_close(vae.decode(z).mean, loc)
    torch.testing.assert_close(vae.reconstruct(x), loc)


def test_means_are_grey_and_draws_are_pixels():
    vae, x = make(), torch.rand(7, *DATA)
    for mean, draw in [
        (vae.sample(7), vae.sample(7, draw=True)),
        (vae.reconstruct(x), vae.reconstruct(x, draw=True)),
    ]:
        assert ((mean > 0) & (mean < 1)).all()
        assert set(draw.unique().tolist()) == {0.0, 1.0}


def test_reconstructions_by_the_mean_are_the_same_each_time_and_draws_are_not():
    vae, x = make(dropout=0.5), torch.rand(7, *DATA)
    assert torch.equal(vae.reconstruct(x), vae.reconstruct(x))
    assert not torch.equal(vae.reconstruct(x, draw=True), vae.reconstruct(x, draw=True))
    assert not torch.equal(vae.sample(7), vae.sample(7))


class Identity(Likelihood):
    """Shows the latents themselves."""

    latent_shape = data_shape = Size([2])

    def forward(self, z):
        return dist.Normal(z, 1e-3).to_event(1)

    @classmethod
    def network_shape(cls, data_shape, **options):
        return data_shape


def test_sample_comes_from_the_models_own_prior():
    prior = MixturePrior(2, components=2)
    with torch.no_grad():
        prior.loc.copy_(torch.tensor([[50.0, 0.0], [-50.0, 10.0]]))
        prior.logits.copy_(torch.tensor([0.25, 0.75]).log())
    z = VAE(prior, NormalPosterior(MLP(2, [], 4)), Identity()).sample(4000)
    right = z[:, 0] > 0
    # Components have scale softplus(0.5) = 0.974: fifty of them apart.
    assert (z[:, 0].abs() - 50).abs().max() < 6
    # Standard error sqrt(0.25 * 0.75 / 4000) = 0.0068; four of them.
    assert right.float().mean().item() == pytest.approx(0.25, abs=0.028)
    # The second coordinates go with the first: standard error 0.974 / sqrt(1000) = 0.03.
    assert z[right, 1].mean().item() == pytest.approx(0.0, abs=0.13)
    assert z[~right, 1].mean().item() == pytest.approx(10.0, abs=0.13)


class NoMean(Posterior):
    """exp of a normal, put together from a transform that has no mean."""

    latent_shape = data_shape = Size([3])

    def forward(self, x):
        base = dist.Normal(x, 0.1)
        return dist.TransformedDistribution(base, [dist.transforms.ExpTransform()]).to_event(1)

    @classmethod
    def network_shape(cls, latent_features, **options):
        raise NotImplementedError


def test_encode_without_a_mean_averages_draws_and_warns():
    vae = VAE(NormalPrior(3), NoMean(), NormalLikelihood(MLP(3, [], 3)))
    x = torch.randn(7, 3)
    with pytest.warns(UserWarning, match=r"site 'z': .* no mean in closed form.*100 draws"):
        z = vae.encode(x)
    # The mean is exp(x + 0.005), of 100 draws the relative error 0.1 / 10; five of them.
    torch.testing.assert_close(z, (x + 0.005).exp(), rtol=0.05, atol=0.0)


class NoMeanLikelihood(Likelihood):
    def forward(self, z):
        base = dist.Normal(z, 0.1)
        return dist.TransformedDistribution(base, [dist.transforms.ExpTransform()]).to_event(1)

    @classmethod
    def network_shape(cls, data_shape, **options):
        return data_shape


def test_sample_of_a_likelihood_without_a_mean_draws_and_warns():
    vae = VAE(NormalPrior(3), NormalPosterior(MLP(3, [], 6)), NoMeanLikelihood())
    with pytest.warns(UserWarning, match=r"site 'x': .* no mean in closed form.*a draw"):
        assert vae.sample(7).shape == (7, 3)
    with pytest.warns(UserWarning, match=r"site 'x'"):
        assert vae.reconstruct(torch.rand(7, 3) + 0.1).shape == (7, 3)


def test_decode_takes_names_too():
    vae, z = make(), torch.randn(7, 3)
    torch.testing.assert_close(vae.decode({"z": z}).mean, vae.decode(z).mean)


@pytest.mark.parametrize("name", ["w", "data"])
def test_decode_refuses_a_name_that_is_no_latent(name):
    with pytest.raises(
        ValueError, match=rf"decode: expected latents among \['z'\], got \['{name}'\]"
    ):
        make().decode({name: torch.randn(7, 3)})


@pytest.mark.parametrize("shape", [(3,), (7, 2), (7, 3, 1), (2, 7, 3)])
def test_decode_refuses_latents_of_the_wrong_shape(shape):
    with pytest.raises(ValueError, match="site 'z'"):
        make().decode(torch.randn(shape))


def test_decode_refuses_nothing():
    with pytest.raises(ValueError, match="decode: expected at least one latent, got none"):
        make().decode({})


@pytest.mark.parametrize("x", [torch.rand(DATA), torch.rand(7, 6, 5), torch.rand(3, 1, 5, 6)])
def test_encode_refuses_data_of_the_wrong_shape(x):
    for query in (make().encode, make().reconstruct):
        with pytest.raises(
            ValueError, match=r"expected data of shape \(n, 1, 6, 5\), the batch first"
        ):
            query(x)


@pytest.mark.parametrize("n", [0, -1])
def test_sample_refuses_no_data(n):
    with pytest.raises(ValueError, match=f"expected at least one datum, got {n}"):
        make().sample(n)


def test_dtype_and_copies():
    vae = make()
    clone = copy.deepcopy(vae).double()
    assert clone.sample(2).dtype == torch.float64
    assert vae.sample(2).dtype == torch.float32


class Hierarchy(LatentVariableModel):
    """z2 -> z1 -> x, and a bottom-up guide: a model of a user's own."""

    def model(self, x):
        with self.data_plate(x):
            z2 = pyro.sample("z2", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            z1 = pyro.sample("z1", dist.Normal(2 * z2, 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z1 + 1, 1e-3).to_event(1), obs=x)

    def guide(self, x):
        with self.data_plate(x):
            z1 = pyro.sample("z1", dist.Normal(x - 1, 1.0).to_event(1))
            pyro.sample("z2", dist.Normal(z1 / 2, 1.0).to_event(1))


def test_queries_of_a_hierarchy():
    model, x = Hierarchy(), torch.randn(7, 2)
    codes = model.encode(x)
    assert list(codes) == ["z1", "z2"]
    torch.testing.assert_close(codes["z1"], x - 1)
    torch.testing.assert_close(codes["z2"], (x - 1) / 2)
    torch.testing.assert_close(model.reconstruct(x), x)
    assert model.sample(5).shape == (5, 2)
    with pytest.raises(ValueError, match=r"expected a dict with latents of .*z2.*z1.* tensor"):
        model.decode(torch.zeros(7, 2))
    # What a dict leaves out is drawn from the model: z1 given z2, with scale 1.
    top = torch.tensor([[10.0, -10.0]]).expand(400, 2)
    mean = model.decode({"z2": top}).mean.mean(0)
    # Standard error 1 / sqrt(400) = 0.05; four of them.
    assert mean.tolist() == pytest.approx([21.0, -19.0], abs=0.2)
