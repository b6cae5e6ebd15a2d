import pyro.distributions as dist
import pytest
import torch

from pyrovae.priors import MixturePrior, NormalPrior


@pytest.mark.parametrize("learned", [False, True])
def test_normal_prior_begins_standard(learned):
    z = torch.randn(10, 3)
    expected = -0.5 * (z**2).sum(-1) - 1.5 * torch.tensor(2 * torch.pi).log()
    torch.testing.assert_close(NormalPrior(3, learned=learned)().log_prob(z), expected)


def test_normal_prior_learns_only_if_asked():
    assert not list(NormalPrior(3).parameters())
    assert {p.shape for p in NormalPrior(3, learned=True).parameters()} == {(3,)}


def test_learned_normal_prior_uses_its_parameters():
    prior = NormalPrior(2, learned=True)
    with torch.no_grad():
        prior.loc.copy_(torch.tensor([1.0, -2.0]))
        prior.log_scale.copy_(torch.tensor([0.5, 2.0]).log())
    assert prior().mean.tolist() == [1.0, -2.0]
    torch.testing.assert_close(prior().stddev, torch.tensor([0.5, 2.0]))


def test_mixture_prior_is_its_components_weighed():
    prior = MixturePrior(2, components=3)
    weights = torch.tensor([0.2, 0.5, 0.3])
    scales = torch.nn.functional.softplus(prior.raw_scale) + 1e-6
    with torch.no_grad():
        prior.logits.copy_(weights.log() + 4.0)
    z = torch.randn(7, 2)
    normal = dist.Normal(prior.loc, scales).log_prob(z.unsqueeze(1)).sum(-1).exp()
    torch.testing.assert_close(prior().log_prob(z), (normal @ weights).log())


def test_mixture_prior_begins_with_components_that_differ():
    assert len(MixturePrior(2, components=20).loc.unique(dim=0)) == 20


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NormalPrior(0), "latent_features: expected positive sizes, got 0"),
        (lambda: MixturePrior(-1), "latent_features: expected positive sizes, got -1"),
        (lambda: MixturePrior(2, components=0), "components: expected positive sizes, got 0"),
        (lambda: MixturePrior(2, components=1.5), "components: expected a whole number, got 1.5"),
    ],
)
def test_wrong_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_prior_that_keeps_no_data_takes_none():
    assert NormalPrior(3).complete
    with pytest.raises(ValueError, match="NormalPrior: it stores no data"):
        NormalPrior(3).set_data(torch.rand(5, 4))
