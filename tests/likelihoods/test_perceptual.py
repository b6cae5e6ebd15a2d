"""A loss in the features of a network beside a likelihood."""

import copy

import pytest
import torch
from torch import nn

from pyrovae import VAE, evaluate, fit, load, save, score
from pyrovae.evaluation import elbo, log_likelihood
from pyrovae.likelihoods import BernoulliLikelihood, NormalLikelihood, PerceptualLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import ImportanceWeightedELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

SHAPE = torch.Size([1, 6, 6])


class TwoLayers(nn.Module):
    """Batch norm and dropout would show a network that is trained, or drawn from."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Tanh())
        self.second = nn.Sequential(nn.Flatten(), nn.Linear(48, 5), nn.Dropout(0.5))

    def forward(self, x):
        first = self.first(x)
        return [first, self.second(first)]


def likelihood(features, **options):
    return PerceptualLikelihood(NormalLikelihood(MLP(2, [4], SHAPE)), features, **options)


def vae(features, **options):
    posterior = NormalPosterior(MLP(SHAPE, [4], 4))
    return VAE(NormalPrior(2), posterior, likelihood(features, **options))


def test_the_score_is_the_density_less_the_loss():
    network = TwoLayers()
    made = likelihood(network, weight=3.0, likelihood_weight=0.5)
    z, x = torch.randn(4, 2), torch.rand(4, *SHAPE)
    p = made(z)
    network.eval()
    losses = [
        0.5 * (a - b).square().flatten(1).mean(1)
        for a, b in zip(network(x), network(p.mean), strict=True)
    ]
    expected = 0.5 * made.likelihood(z).log_prob(x) - 3.0 * sum(losses)
    torch.testing.assert_close(p.log_prob(x), expected)
    alone = likelihood(network, likelihood_weight=0.0)
    alone.likelihood.load_state_dict(made.likelihood.state_dict())
    torch.testing.assert_close(alone(z).log_prob(x), -sum(losses))
    assert torch.equal(p.mean, made.likelihood(z).mean)
    # A function without weights, of one layer.
    other = likelihood(lambda x: x.flatten(1))
    p = other(z)
    expected = other.likelihood(z).log_prob(x) - 0.5 * (x - p.mean).square().flatten(1).mean(1)
    torch.testing.assert_close(p.log_prob(x), expected)


def test_the_decoder_is_trained_through_the_network_which_stays_as_it_is():
    network = TwoLayers().train()
    before = copy.deepcopy(network.state_dict())
    model = vae(network, likelihood_weight=0.0)  # nothing but the features trains
    names = {name for name, _ in model.named_parameters()}
    decoder = copy.deepcopy(model.likelihood.likelihood.network.state_dict())
    x = torch.rand(16, *SHAPE)
    fit(model, x, epochs=2, batch_size=8, compile=False, progress=False)
    moved = model.likelihood.likelihood.network.state_dict()
    assert all(not torch.equal(value, decoder[name]) for name, value in moved.items())
    for each in (network, model.likelihood.features):
        for name, value in each.state_dict().items():
            assert torch.equal(value, before[name]), name
    assert not any("first" in name or "second" in name for name in names)
    assert not any("first" in name for name in model.state_dict())


def test_the_gradient_is_that_of_finite_differences():
    torch.manual_seed(0)
    made = likelihood(TwoLayers().double()).double()
    x, z = torch.rand(1, *SHAPE).double(), torch.randn(1, 2).double()
    assert torch.autograd.gradcheck(lambda z: made(z).log_prob(x), z.requires_grad_())


def test_reports_call_it_undefined():
    model, x = vae(TwoLayers()), torch.rand(8, *SHAPE)
    report = evaluate(model, x, samples=10)
    reason = "the likelihood of 'x' has a loss of features beside it, and is no density"
    assert report.undefined == reason
    assert report.elbo is report.log_likelihood is report.kl is report.bits_per_dim is None
    assert not report.is_density
    assert "cross-entropy" not in str(report)
    assert "no log-likelihood" in str(report)
    scores = score(model, x, samples=10)
    assert scores.undefined == reason
    assert scores.elbo is None
    with pytest.raises(ValueError, match="the log-likelihood is undefined: the likelihood of 'x'"):
        log_likelihood(model, x, samples=10)
    assert elbo(model, x).elbo is None


def test_a_file_holds_the_decoder_and_not_the_network(tmp_path):
    network, x = TwoLayers().eval(), torch.rand(8, *SHAPE)
    model = vae(network).eval()
    save(model, tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt")
    z = torch.randn(3, 2)
    assert torch.equal(loaded.decode(z).mean, model.decode(z).mean)
    assert loaded.sample(2).shape == (2, *SHAPE)
    with pytest.raises(RuntimeError, match=r"likelihood.set_features\(network\)"):
        loaded.decode(z).log_prob(x[:3])
    with pytest.raises(ValueError, match="got one with different weights"):
        loaded.likelihood.set_features(TwoLayers())
    loaded.likelihood.set_features(network)
    assert torch.equal(loaded.decode(z).log_prob(x[:3]), model.decode(z).log_prob(x[:3]))
    # A model that has the network keeps it; one that has another is left without.
    for given, right in ((network, True), (TwoLayers(), False)):
        other = load(tmp_path / "model.pt", model=vae(given))
        assert (other.likelihood.features is not None) is right


def test_copies_move_by_themselves():
    network = TwoLayers()
    made = likelihood(network).double()
    assert next(network.parameters()).dtype == torch.float32
    assert (
        made(torch.randn(2, 2).double()).log_prob(torch.rand(2, *SHAPE).double()).dtype
        == torch.float64
    )


def test_several_particles_and_draws():
    model, x = vae(TwoLayers()), torch.rand(5, *SHAPE)
    loss = ImportanceWeightedELBO(num_particles=3).differentiable_loss(model.model, model.guide, x)
    assert loss.isfinite()
    z = torch.randn(4, 1, 2)
    found = model.likelihood(z).log_prob(x)
    assert found.shape == (4, 5)
    for i in range(4):
        torch.testing.assert_close(found[i], model.likelihood(z[i]).log_prob(x))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (lambda x: x.sum(), r"features: expected features of shape \(4, ...\), got \(\)"),
        (lambda x: ["a"], r"features: expected features of shape \(4, ...\), got str"),
    ],
)
def test_what_is_no_network_of_features(features, message):
    with pytest.raises(ValueError, match=message):
        likelihood(features)(torch.randn(4, 2)).log_prob(torch.rand(4, *SHAPE))


def test_wrong_weights():
    inner = BernoulliLikelihood(MLP(2, [], SHAPE))
    for name in ("weight", "likelihood_weight"):
        with pytest.raises(ValueError, match=f"{name}: expected a number of at least 0, got -1"):
            PerceptualLikelihood(inner, nn.Identity(), **{name: -1.0})
    with pytest.raises(RuntimeError, match="set_features"):
        PerceptualLikelihood(inner)(torch.randn(2, 2)).log_prob(torch.rand(2, *SHAPE))
