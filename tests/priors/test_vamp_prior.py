import pytest
import torch
from torch import nn

from pyrovae.nn import MLP
from pyrovae.posteriors import LowRankNormalPosterior, NormalPosterior
from pyrovae.priors import VampPrior

DATA = (2, 3)


def make(**options):
    return NormalPosterior(MLP(DATA, [5], 4, **options))


@pytest.mark.parametrize("posterior", [make(), LowRankNormalPosterior(MLP(DATA, [5], 8), rank=2)])
def test_density_is_the_mean_of_the_posteriors(posterior):
    u = torch.rand(4, *DATA)
    z = torch.randn(7, 2)
    each = torch.stack([posterior(u_c).log_prob(z).exp() for u_c in u])
    prior = VampPrior(posterior, pseudo_inputs=u)
    torch.testing.assert_close(prior().log_prob(z), each.mean(0).log())


def test_pseudo_inputs_are_all_in_order_or_distinct_draws():
    x = torch.arange(60.0).view(10, *DATA)
    assert torch.equal(VampPrior(make(), pseudo_inputs=x).pseudo_inputs, x)
    drawn = VampPrior(make(), pseudo_inputs=x, components=6).pseudo_inputs
    rows = {tuple(row.flatten().tolist()) for row in x}
    picked = {tuple(row.flatten().tolist()) for row in drawn}
    assert len(picked) == 6
    assert picked < rows


def test_training_leaves_the_given_data_alone():
    x = torch.zeros(4, *DATA)
    prior = VampPrior(make(), pseudo_inputs=x)
    with torch.no_grad():
        prior.pseudo_inputs += 1
    assert not x.any()


def test_posterior_is_shared_and_learns_through_the_prior():
    posterior = make()
    prior = VampPrior(posterior, pseudo_inputs=torch.rand(4, *DATA))
    prior().log_prob(torch.randn(3, 2)).sum().backward()
    assert prior.posterior is posterior
    assert all(p.grad.any() for p in posterior.parameters())
    assert prior.pseudo_inputs.grad.any()


def test_batch_norm_buffers_stay_where_they_are():
    posterior = make(batch_norm=True)
    prior = VampPrior(posterior, pseudo_inputs=torch.rand(4, *DATA))
    before = {name: b.clone() for name, b in posterior.named_buffers()}
    prior().log_prob(torch.randn(3, 2)).sum().backward()
    assert before
    for name, buffer in posterior.named_buffers():
        assert torch.equal(buffer, before[name]), name
    assert all(module.training for module in posterior.modules())


def test_dropout_does_not_make_the_prior_random():
    posterior = make(dropout=0.5)
    x = torch.rand(4, *DATA)
    prior = VampPrior(posterior, pseudo_inputs=x)
    z = torch.randn(3, 2)
    assert torch.equal(prior().log_prob(z), prior().log_prob(z))
    # The posterior itself drops units all the while.
    assert not torch.equal(posterior(x).mean, posterior(x).mean)


def test_frozen_modules_of_the_posterior_stay_frozen():
    posterior = make(batch_norm=True)
    (norm,) = [m for m in posterior.modules() if isinstance(m, nn.BatchNorm1d)]
    norm.eval()
    VampPrior(posterior, pseudo_inputs=torch.rand(4, *DATA))()
    assert posterior.training
    assert not norm.training


@pytest.mark.parametrize(
    ("shape", "components", "message"),
    [
        ((4, 6), None, r"pseudo_inputs: expected data of shape \(2, 3\), got \(6,\)"),
        (DATA, None, r"pseudo_inputs: expected data of shape \(2, 3\), got \(3,\)"),
        ((0, *DATA), None, "components: expected from 1 to the number of pseudo-inputs, 0"),
        ((4, *DATA), 5, "components: expected from 1 to .*, 4, got 5"),
        ((4, *DATA), 0, "components: expected from 1 to .*, 4, got 0"),
    ],
)
def test_wrong_arguments_are_named(shape, components, message):
    with pytest.raises(ValueError, match=message):
        VampPrior(make(), pseudo_inputs=torch.zeros(shape), components=components)
