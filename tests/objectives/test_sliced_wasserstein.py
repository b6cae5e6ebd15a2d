"""The sliced Wasserstein distance between aggregate posterior and prior."""

from itertools import permutations

import linear_gaussian
import pytest
import torch
from torch.distributions import kl_divergence

from pyrovae.objectives import SlicedWassersteinELBO
from pyrovae.objectives.sliced_wasserstein import sliced_wasserstein


def test_of_one_dimension_it_is_the_cheapest_of_all_pairings():
    """The Wasserstein distance between two sets: the best of all permutations."""
    x, y = torch.randn(5, 1).double(), torch.randn(5, 1).double()
    best = min((x - y[list(order)]).square().mean().item() for order in permutations(range(5)))
    for length in (1.0, -3.0):
        found = sliced_wasserstein(x, y, torch.tensor([[length]]).double())
        assert found.item() == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("shift", [0.5, 2.0])
def test_between_a_set_and_its_shift_it_is_the_shifts_mean_square_along_directions(shift):
    """Translation keeps the order, so the distance is (theta . shift)^2, |shift|^2 / d on average."""
    z = torch.randn(7, 3).double()
    delta = torch.tensor([shift, 0.0, -shift]).double()
    directions = torch.randn(3, 20000).double()
    found = sliced_wasserstein(z, z + delta, directions)
    along = (directions / directions.norm(dim=0)).mT @ delta
    assert found.item() == pytest.approx(along.square().mean().item(), rel=1e-10)
    # Four standard errors.
    error = along.square().std().item() / 20000**0.5
    assert found.item() == pytest.approx(delta.square().sum().item() / 3, abs=4 * error)


@pytest.mark.parametrize("num_particles", [1, 3])
def test_objective_by_hand(num_particles):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    torch.manual_seed(1)
    q = vae.posterior(x)
    z = q.rsample((num_particles,))
    prior = vae.prior().expand([num_particles, 6]).sample()
    directions = torch.randn(num_particles, 2, 8, dtype=torch.double)
    distance = sum(
        (((a @ t).sort(dim=0).values - (b @ t).sort(dim=0).values) / t.norm(dim=0)).square().mean()
        for a, b, t in zip(z, prior, directions, strict=True)
    )
    kl = kl_divergence(q.base_dist, vae.prior().base_dist).sum()
    reconstruction = vae.likelihood(z).log_prob(x).sum()
    expected = -(reconstruction - 6 * 20.0 * distance) / num_particles + 0.3 * kl
    gradients = torch.autograd.grad(expected, list(vae.parameters()))
    torch.manual_seed(1)
    objective = SlicedWassersteinELBO(
        distance_weight=20.0, kl_weight=0.3, projections=8, num_particles=num_particles
    )
    loss = objective.loss_and_grads(vae.model, vae.guide, x)
    torch.testing.assert_close(loss, expected.detach())
    for parameter, gradient in zip(vae.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient)


def test_the_distance_draws_the_aggregate_posterior_to_the_prior():
    """Without a KL: means of codes far from the prior's come back to it."""
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data(64)
    with torch.no_grad():
        vae.posterior.weight.fill_(1.5)
    optim = torch.optim.Adam(vae.posterior.parameters(), lr=0.05)
    objective = SlicedWassersteinELBO(distance_weight=1e4)

    def distance():
        with torch.no_grad():
            z = vae.posterior(x.repeat(10, 1)).sample()
            prior = vae.prior().sample((640,))
            return sliced_wasserstein(z, prior, torch.randn(2, 50).double()).item()

    before = distance()
    for _ in range(60):
        optim.zero_grad()
        objective.loss_and_grads(vae.model, vae.guide, x)
        optim.step()
    assert distance() < before / 2
