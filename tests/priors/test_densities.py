"""Every prior's density integrates to one, and its draws come from it."""

import pytest
import torch
from densities import check_by_sampling, check_on_lattice

from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import (
    DistributionPrior,
    ExemplarPrior,
    FlowPrior,
    MixturePrior,
    NormalPrior,
    VampPrior,
)


def data():
    return torch.randn(7, 4, generator=torch.Generator().manual_seed(2))


def posterior(n):
    return NormalPosterior(MLP(4, [], 2 * n))


REAL = {
    "normal": lambda n: NormalPrior(n, learned=True),
    "mixture": lambda n: MixturePrior(n, components=5),
    "vamp": lambda n: VampPrior(posterior(n), pseudo_inputs=data()),
    "exemplar": lambda n: ExemplarPrior(posterior(n), exemplars=data()),
    "laplace": lambda n: DistributionPrior(n, family="Laplace", parameters={"scale": 0.8}),
    "student": lambda n: DistributionPrior(n, family="StudentT", parameters={"df": 12.0}),
}
FLOWS = {
    name: lambda n, name=name: FlowPrior(n, transform=name, transforms=2, hidden=(8,))
    for name in ("affine_autoregressive", "affine_coupling", "spline_autoregressive")
}


def make(make_prior, n):
    prior = make_prior(n).double().eval()
    with torch.no_grad():
        # Further away, three layers of a flow make tails that no lattice holds.
        amount = 0.03 if isinstance(prior, FlowPrior) else 0.3
        for parameter in prior.parameters():
            parameter += amount * torch.randn_like(parameter)
    return prior()


@pytest.mark.parametrize("name", REAL)
def test_in_one_dimension(name):
    check_on_lattice(make(REAL[name], 1), bound=12.0)


@pytest.mark.parametrize("name", REAL | FLOWS)
def test_in_two_dimensions(name):
    # How far a flow reaches depends on its networks; the lattice holds these.
    torch.manual_seed(0)
    p = make((REAL | FLOWS)[name], 2)
    # The knots of a spline, and a Laplace's peak, need a finer lattice; a spline's is small.
    check_on_lattice(
        p,
        bound=5.5 if name.startswith("spline") else 14.0,
        points=401 if name.startswith("spline") else 801,
    )


@pytest.mark.parametrize("name", ["normal", *FLOWS])
def test_in_more_dimensions(name):
    check_by_sampling(make((REAL | FLOWS)[name], 4))


@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("name", FLOWS)
def test_a_flows_density_is_the_jacobians(name, n):
    p = make(FLOWS[name], n)
    z = torch.randn(n).double()

    def to_noise(z):
        for transform in reversed(p.transforms):
            z = transform.inv(z)
        return z

    log_det = torch.linalg.slogdet(torch.autograd.functional.jacobian(to_noise, z))[1]
    expected = p.base_dist.log_prob(to_noise(z)) + log_det
    torch.testing.assert_close(p.log_prob(z), expected)
    assert (to_noise(z) - z).abs().max() > 0.05


@pytest.mark.parametrize("name", FLOWS)
def test_a_flows_draw_goes_back_to_its_noise(name):
    # A fresh distribution has no memory of the draw: the inverse is computed.
    prior = FLOWS[name](4).double()
    z = prior().rsample((6,))
    noise = prior().base_dist
    p = prior()
    x = z.clone()
    for transform in reversed(p.transforms):
        x = transform.inv(x)
    again = x.clone()
    for transform in prior().transforms:
        again = transform(again)
    torch.testing.assert_close(again, z, rtol=1e-4, atol=1e-5)
    assert noise.log_prob(x).isfinite().all()


@pytest.mark.parametrize("name", FLOWS)
def test_each_variable_of_a_flow_depends_on_others(name):
    prior = FLOWS[name](4).double()
    z = torch.randn(4).double()

    def to_noise(z):
        for transform in reversed(prior().transforms):
            z = transform.inv(z)
        return z

    full = torch.autograd.functional.jacobian(to_noise, z)
    assert ((full - torch.diag(full.diagonal())).abs() > 0).any(-1).all()


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (lambda: FlowPrior(1), "latent_features: expected at least 2, since a flow.*got 1"),
        (lambda: FlowPrior(3, transform="spline"), "transform: expected one of .*got 'spline'"),
        (lambda: FlowPrior(3, hidden=(2,)), r"hidden: .*at least 3 units.*got \[2\]"),
        (lambda: FlowPrior(3, hidden=()), r"hidden: expected at least one layer.*got \[\]"),
        (lambda: FlowPrior(3, transforms=0), "transforms: expected positive sizes, got 0"),
        (
            lambda: FlowPrior(3, transform="affine_coupling", hidden=(0,)),
            "hidden: expected positive layer sizes",
        ),
    ],
)
def test_wrong_arguments_of_a_flow_are_named(make_it, message):
    with pytest.raises(ValueError, match=message):
        make_it()


def test_a_couplings_network_may_be_small():
    assert FlowPrior(8, transform="affine_coupling", hidden=(2,))().sample().shape == (8,)
