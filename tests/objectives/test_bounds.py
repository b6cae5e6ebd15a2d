"""Every Monte Carlo bound on probabilistic PCA, where log p(x) and p(z|x) are known."""

import math

import linear_gaussian
import pyro
import pytest
import torch

from pyrovae.objectives import (
    ELBO,
    VIMCO,
    CombinedImportanceWeightedELBO,
    DoublyReparameterizedELBO,
    ImportanceWeightedELBO,
    MultiplyImportanceWeightedELBO,
    PartiallyImportanceWeightedELBO,
    RenyiELBO,
    ReweightedWakeSleep,
    StickingTheLandingELBO,
    ThermodynamicELBO,
)

BOUNDS = {
    "ImportanceWeightedELBO": lambda k: ImportanceWeightedELBO(num_particles=k),
    "RenyiELBO-0.5": lambda k: RenyiELBO(alpha=0.5, num_particles=k),
    "RenyiELBO-1": lambda k: RenyiELBO(alpha=1.0, num_particles=k),
    "RenyiELBO-2": lambda k: RenyiELBO(alpha=2.0, num_particles=k),
    "MultiplyImportanceWeightedELBO": lambda k: MultiplyImportanceWeightedELBO(num_particles=k),
    "PartiallyImportanceWeightedELBO": lambda k: PartiallyImportanceWeightedELBO(num_particles=k),
    "CombinedImportanceWeightedELBO": lambda k: CombinedImportanceWeightedELBO(num_particles=k),
    "StickingTheLandingELBO": lambda k: StickingTheLandingELBO(num_particles=k),
    "DoublyReparameterizedELBO": lambda k: DoublyReparameterizedELBO(num_particles=k),
    "ReweightedWakeSleep": lambda k: ReweightedWakeSleep(num_particles=k),
    "VIMCO": lambda k: VIMCO(num_particles=k),
    "ThermodynamicELBO": lambda k: ThermodynamicELBO(num_particles=k),
}
over_bounds = pytest.mark.parametrize("name", BOUNDS)


def draws(objective, vae, x, repeats):
    """Independent draws of the bound of each datum, (repeats, n)."""
    many = x.repeat(repeats, 1)
    with torch.no_grad():
        traces = objective.traces(vae.model, vae.guide, (many,), {})
        return objective.bound(objective.log_weights(*traces).values).view(repeats, len(x))


@over_bounds
@pytest.mark.parametrize("num_particles", [2, 8])
def test_at_the_exact_posterior_every_draw_is_the_evidence(name, num_particles):
    vae, x = linear_gaussian.exact_vae(), linear_gaussian.data()
    objective = BOUNDS[name](num_particles)
    evidence = vae.likelihood.log_evidence(x).detach()
    # Equal up to the rounding of float64: no draw differs, so there is no variance.
    torch.testing.assert_close(
        draws(objective, vae, x, 10), evidence.expand(10, -1), rtol=1e-10, atol=1e-10
    )
    loss = objective.loss_and_grads(vae.model, vae.guide, x)
    assert loss.item() == pytest.approx(-evidence.sum().item(), rel=1e-10)


@over_bounds
def test_elbo_below_the_bound_below_the_evidence_away_from_it(name):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    evidence = vae.likelihood.log_evidence(x).mean().item()
    elbo = draws(ELBOS[1], vae, x, 4000).mean(1)
    bound = draws(BOUNDS[name](8), vae, x, 2000).mean(1)
    error = math.hypot(elbo.std().item() / 4000**0.5, bound.std().item() / 2000**0.5)
    # Four standard errors; all but the orders of 1 and more rise above the ELBO by far more.
    assert bound.mean().item() < evidence + 4 * error
    if name == "RenyiELBO-1":
        assert abs(bound.mean() - elbo.mean()).item() < 4 * error
    elif name == "RenyiELBO-2":
        assert bound.mean() < elbo.mean() - 4 * error
    else:
        assert bound.mean() > elbo.mean() + 4 * error


ELBOS = {1: ImportanceWeightedELBO(num_particles=1)}


@pytest.mark.parametrize("name", sorted(set(BOUNDS) - {"RenyiELBO-1", "RenyiELBO-2"}))
def test_rises_with_the_particles(name):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    means, errors = [], []
    for k in (2, 16):
        bound = draws(BOUNDS[name](k), vae, x, 2000).mean(1)
        means.append(bound.mean().item())
        errors.append(bound.std().item() / 2000**0.5)
    # Four standard errors.
    assert means[1] - means[0] > 4 * math.hypot(*errors)


def test_thermodynamic_bound_lies_between_the_others_draw_by_draw():
    """A left sum of a growing function whose integral is the importance-weighted bound."""
    weights = 3 * torch.randn(10, 50).double()
    elbo, tight = weights.mean(0), ImportanceWeightedELBO().bound(weights)
    previous = elbo
    for partitions in (2, 10, 100):
        bound = ThermodynamicELBO(partitions=partitions, first_beta=0.01).bound(weights)
        assert (previous < bound).all()
        assert (bound < tight).all()
        previous = bound
    one = ThermodynamicELBO(partitions=1).bound(weights)
    torch.testing.assert_close(one, elbo)
    # A step is 0.0046 in the logarithm of beta: half of it, times the growth of the integrand,
    # which is below the spread of the weights (some 15).
    fine = ThermodynamicELBO(partitions=1000, first_beta=0.01).bound(weights)
    torch.testing.assert_close(fine, tight, rtol=0, atol=0.035)


def test_thermodynamic_bound_by_hand():
    weights = torch.tensor([[0.3], [-1.2], [2.0]]).double()
    total = 0.0
    for left, right in [(0.0, 0.1), (0.1, 0.1**0.5), (0.1**0.5, 1.0)]:
        powers = (left * weights).exp()
        total += (right - left) * ((powers * weights).sum() / powers.sum()).item()
    bound = ThermodynamicELBO(partitions=3, first_beta=0.1).bound(weights)
    assert bound.item() == pytest.approx(total, rel=1e-12)


@pytest.mark.parametrize("alpha", [-1.0, 0.0, 0.5, 0.99, 1.01, 3.0])
def test_renyi_bound_by_hand(alpha):
    weights = torch.randn(6, 20, generator=torch.Generator().manual_seed(1)).double()
    expected = ((1 - alpha) * weights).exp().mean(0).log() / (1 - alpha)
    torch.testing.assert_close(RenyiELBO(alpha=alpha).bound(weights), expected)


@pytest.mark.parametrize("alpha", [1 - 1e-6, 1.0, 1 + 1e-6])
def test_renyi_near_one_is_the_elbo_in_single_precision_too(alpha):
    weights = torch.randn(6, 20, generator=torch.Generator().manual_seed(1)) - 90
    weights.requires_grad_()
    bound = RenyiELBO(alpha=alpha).bound(weights)
    # The next term of the expansion is 1e-6 times half the variance.
    torch.testing.assert_close(bound, weights.mean(0), rtol=1e-6, atol=0)
    (gradient,) = torch.autograd.grad(bound.sum(), weights)
    torch.testing.assert_close(gradient, torch.full_like(weights, 1 / 6), rtol=1e-4, atol=0)


def test_renyi_weights_that_underflow_are_no_trouble():
    weights = torch.tensor([[-1000.0, 1000.0], [-1200.0, 1200.0]])
    for alpha in (0.0, 0.5, 2.0):
        expected = weights.amax(0) if alpha < 1 else weights.amin(0)
        offset = math.log(2) / (1 - alpha)
        torch.testing.assert_close(RenyiELBO(alpha=alpha).bound(weights), expected - offset)


def test_renyi_at_zero_and_one_has_the_gradients_of_its_neighbours():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    for alpha, other in (
        (0.0, ImportanceWeightedELBO(num_particles=4)),
        (1.0, ELBO(num_particles=4)),
    ):
        expected = gradients(other, vae, x)
        for got, wanted in zip(
            gradients(RenyiELBO(alpha=alpha, num_particles=4), vae, x), expected, strict=True
        ):
            torch.testing.assert_close(got, wanted)


def gradients(objective, vae, x, seed=1):
    torch.manual_seed(seed)
    vae.zero_grad()
    objective.loss_and_grads(vae.model, vae.guide, x)
    return [p.grad.clone() for p in vae.parameters()]


@pytest.mark.parametrize("groups", [1, 2, 3, 6])
def test_groups_by_hand(groups):
    """The value of MIWAE, and the gradients of PIWAE: model of all particles, guide of groups."""
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    torch.manual_seed(1)
    q = vae.posterior(x)
    z = q.rsample((6,))
    weights = vae.prior().log_prob(z) + vae.likelihood(z).log_prob(x) - q.log_prob(z)
    grouped = weights.view(groups, 6 // groups, -1).exp().mean(1).log().mean(0).sum()
    tight = weights.exp().mean(0).log().sum()
    guide, model = list(vae.posterior.parameters()), list(vae.likelihood.parameters())
    by_groups = torch.autograd.grad(-grouped, [*guide, *model], retain_graph=True)
    by_all = torch.autograd.grad(-tight, model)
    options = {"num_particles": 6, "groups": groups}
    torch.manual_seed(1)
    loss = MultiplyImportanceWeightedELBO(**options).loss(vae.model, vae.guide, x)
    assert loss == pytest.approx(-grouped.item(), rel=1e-10)
    torch.manual_seed(1)
    loss = PartiallyImportanceWeightedELBO(**options).loss(vae.model, vae.guide, x)
    assert loss == pytest.approx(-tight.item(), rel=1e-10)
    for objective, expected in (
        (MultiplyImportanceWeightedELBO(**options), by_groups),
        (PartiallyImportanceWeightedELBO(**options), [*by_groups[: len(guide)], *by_all]),
    ):
        for got, wanted in zip(gradients(objective, vae, x), expected, strict=True):
            torch.testing.assert_close(got, wanted)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_combination_by_hand(share):
    weights = torch.randn(6, 20).double()
    expected = share * weights.mean(0) + (1 - share) * weights.exp().mean(0).log()
    bound = CombinedImportanceWeightedELBO(elbo_weight=share).bound(weights)
    torch.testing.assert_close(bound, expected)


@over_bounds
def test_subsampling_scales_the_bound_and_does_not_temper_the_weights(name):
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data(20)
    indices = torch.tensor([3, 7, 11, 12])
    objective = BOUNDS[name](4)

    def model(x):
        with pyro.plate("data", len(x), subsample=indices, dim=-1) as i:
            z = pyro.sample("z", vae.prior())
            pyro.sample("x", vae.likelihood(z), obs=x[i])

    def guide(x):
        with pyro.plate("data", len(x), subsample=indices, dim=-1) as i:
            pyro.sample("z", vae.posterior(x[i]))

    expected = gradients(objective, vae, x[indices])
    torch.manual_seed(1)
    batch = objective.loss(vae.model, vae.guide, x[indices])
    torch.manual_seed(1)
    assert objective.loss(model, guide, x) == pytest.approx(20 / 4 * batch, rel=1e-10)
    vae.zero_grad()
    torch.manual_seed(1)
    objective.loss_and_grads(model, guide, x)
    for parameter, gradient in zip(vae.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, 20 / 4 * gradient)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RenyiELBO(alpha=math.inf), "alpha: expected a finite number, got inf"),
        (
            lambda: MultiplyImportanceWeightedELBO(num_particles=5, groups=2),
            "groups: expected a divisor of num_particles=5, got 2",
        ),
        (
            lambda: PartiallyImportanceWeightedELBO(num_particles=4, groups=0),
            "groups: expected a divisor of num_particles=4, got 0",
        ),
        (
            lambda: CombinedImportanceWeightedELBO(elbo_weight=1.5),
            r"elbo_weight: expected a share in \[0, 1\], got 1.5",
        ),
        (lambda: VIMCO(num_particles=1), "num_particles: expected at least 2, got 1"),
        (lambda: ReweightedWakeSleep(num_particles=1), "num_particles: expected at least 2"),
        (lambda: ThermodynamicELBO(num_particles=1), "num_particles: expected at least 2"),
        (lambda: ThermodynamicELBO(partitions=0), "partitions: expected at least 1, got 0"),
        (lambda: ThermodynamicELBO(first_beta=1.0), "first_beta: expected a number between"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_settings_are_shown():
    assert repr(RenyiELBO(alpha=0.5, num_particles=3)) == "RenyiELBO(alpha=0.5, num_particles=3)"
