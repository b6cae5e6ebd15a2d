"""Flow posteriors: their densities against autograd's Jacobians, integrals and draws."""

import math

import pyro
import pytest
import torch
from densities import check_by_sampling, check_on_lattice, lattice
from pyro import poutine
from torch.autograd.functional import jacobian

from pyrovae import VAE
from pyrovae.distributions.flow import triangular
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.posteriors import (
    FullNormalPosterior,
    HouseholderPosterior,
    IAFPosterior,
    NormalPosterior,
    PlanarPosterior,
    SylvesterPosterior,
)
from pyrovae.priors import ExemplarPrior, VampPrior

FLOWS = {
    "planar": (PlanarPosterior, {"transforms": 3}),
    "sylvester": (SylvesterPosterior, {"transforms": 2, "reflections": 3}),
    "householder": (HouseholderPosterior, {"reflections": 2}),
    "iaf": (IAFPosterior, {"transforms": 2, "context_features": 3, "hidden": (8,)}),
}
INVERTIBLE = {name: FLOWS[name] for name in ("householder", "iaf")}


def make(cls, options, features):
    """A posterior of data of 4 numbers, whose flow is far from the identity."""
    network = MLP(4, [6], cls.network_shape(features, **options), activation="tanh")
    posterior = cls(network, **options).double()
    with torch.no_grad():
        for parameter in posterior.parameters():
            # Twice as far in a masked network makes tails that no sum of draws measures.
            parameter.mul_(1.3 if cls is IAFPosterior else 2.0)
    return posterior


def over(flows):
    return pytest.mark.parametrize(("cls", "options"), list(flows.values()), ids=list(flows))


@pytest.mark.parametrize("features", [2, 5])
@over(FLOWS)
def test_density_of_a_draw_is_the_jacobians(cls, options, features):
    # In plates of particles and data, as a vectorised objective draws.
    q = make(cls, options, features)(torch.randn(3, 4).double())
    pyro.set_rng_seed(5)
    particles, data = pyro.plate("particles", 2, dim=-2), pyro.plate("data", 3, dim=-1)
    with poutine.trace() as tracer, particles, data:
        z = pyro.sample("z", q)
    trace = tracer.trace
    trace.compute_log_prob()
    trace.compute_score_parts()
    found = trace.nodes["z"]["log_prob"]
    assert z.shape == (2, 3, features)
    pyro.set_rng_seed(5)
    noise = q.base_dist.expand((2, 3)).rsample()

    def push(noise):
        for transform in q.transforms:
            noise = transform._call(noise)
        return noise

    torch.testing.assert_close(push(noise), z)
    full = jacobian(push, noise)  # (2, 3, features, 2, 3, features)
    for k in range(2):
        for b in range(3):
            log_det = torch.linalg.slogdet(full[k, b, :, k, b])[1]
            expected = q.base_dist.log_prob(noise)[k, b] - log_det
            torch.testing.assert_close(found[k, b], expected)
    # Data and particles do not see each other.
    for k in range(2):
        for b in range(3):
            full[k, b, :, k, b] = 0
    assert not full.any()


@over(FLOWS)
def test_flow_is_no_identity(cls, options):
    q = make(cls, options, 3)(torch.randn(2, 4).double())
    noise = q.base_dist.rsample()
    z = noise
    for transform in q.transforms:
        z = transform(z)
    assert (z - noise).abs().max() > 0.1


@over(INVERTIBLE)
def test_density_of_a_value_from_elsewhere(cls, options):
    posterior = make(cls, options, 4)
    x = torch.randn(3, 4).double()
    q = posterior(x)
    z = q.rsample((2,))
    torch.testing.assert_close(posterior(x).log_prob(z.clone()), q.log_prob(z))


@over({**INVERTIBLE, "full": (FullNormalPosterior, {})})
def test_density_integrates_and_draws_match_in_two_dimensions(cls, options):
    check_on_lattice(make(cls, options, 2)(torch.randn(4).double()))


@pytest.mark.parametrize("features", [2, 4])
@over({**FLOWS, "full": (FullNormalPosterior, {})})
def test_density_integrates_by_sampling(cls, options, features):
    # A bent density is no bell, so the ratio to one is bounded in some networks alone: these.
    torch.manual_seed(0)
    check_by_sampling(make(cls, options, features)(torch.randn(4).double()))


@over({"planar": FLOWS["planar"], "sylvester": FLOWS["sylvester"]})
def test_draws_have_the_density_where_there_is_no_inverse(cls, options):
    # The share of z_i above the draws' median, by pushing a lattice of weighed noise through.
    q = make(cls, options, 2)(torch.randn(4).double())
    noise, volume = lattice(2, 1.0, 301)
    base = q.base_dist
    loc, scale = base.mean, base.base_dist.scale
    noise = loc + 7 * scale * noise
    mass = base.log_prob(noise).exp() * volume * 49 * scale.prod()
    z = noise
    for transform in q.transforms:
        z = transform(z)
    draws = q.sample((20_000,))
    for i in range(2):
        cut = draws[:, i].median()
        # A share of 20,000 draws: its standard error is below 0.0036.
        assert abs((mass * (z[:, i] > cut)).sum().item() - 0.5) < 5 * 0.0036


def test_mean_of_a_householder_flow():
    q = make(*FLOWS["householder"], 3)(torch.randn(2, 4).double())
    z = q.rsample()
    n = 20_000
    draws = q.sample((n,))
    assert ((draws.mean(0) - q.mean).abs() < 5 * draws.std(0) / n**0.5).all()
    # Asking for the mean forgets nothing.
    q = make(*FLOWS["householder"], 3)(torch.randn(2, 4).double())
    z = q.rsample()
    before = q.log_prob(z)
    _ = q.mean
    assert torch.equal(q.log_prob(z), before)


def test_full_normal_is_means_then_the_factor():
    network = MLP(4, [3], 9)
    x = torch.randn(5, 4)
    y = network(x)
    factor = torch.zeros(5, 3, 3)
    factor[:, [0, 1, 1, 2, 2, 2], [0, 0, 1, 0, 1, 2]] = y[:, 3:]
    for i in range(3):
        factor[:, i, i] = torch.nn.functional.softplus(factor[:, i, i]) + 1e-6
    q = FullNormalPosterior(network)(x)
    torch.testing.assert_close(q.mean, y[:, :3])
    torch.testing.assert_close(q.covariance_matrix, factor @ factor.mT)


def test_triangular_is_row_by_row():
    expected = [[1.0, 0, 0], [2, 3, 0], [4, 5, 6]]
    assert triangular(torch.arange(1.0, 7), 3).tolist() == expected


@pytest.mark.parametrize("name", ["planar", "sylvester"])
def test_density_of_a_value_from_elsewhere_is_refused(name):
    cls, options = FLOWS[name]
    q = make(cls, options, 3)(torch.randn(2, 4).double())
    assert not q.density_everywhere
    first, _ = q.rsample(), q.rsample()
    with pytest.raises(NotImplementedError, match=f"a {name} flow has no inverse.*last draw"):
        q.log_prob(first)


@pytest.mark.parametrize("name", ["planar", "sylvester"])
def test_priors_made_of_posteriors_refuse_one_without_densities(name):
    cls, options = FLOWS[name]
    posterior = make(cls, options, 3)
    with pytest.raises(ValueError, match=f"{cls.__name__} can only .* own draws, but a VampPrior"):
        VampPrior(posterior, pseudo_inputs=torch.rand(3, 4))
    with pytest.raises(ValueError, match=f"mean, but {cls.__name__} has none"):
        ExemplarPrior(posterior, exemplars=torch.rand(3, 4))


def test_vamp_over_an_inverse_flow_is_the_mean_of_its_densities():
    posterior = make(*FLOWS["iaf"], 3)
    u, z = torch.rand(4, 4).double(), torch.randn(2, 5, 3).double()
    prior = VampPrior(posterior, pseudo_inputs=u)
    each = torch.stack([posterior(u_c).log_prob(z) for u_c in u])
    torch.testing.assert_close(prior().log_prob(z), each.logsumexp(0) - math.log(4))


@pytest.mark.parametrize("name", FLOWS)
def test_encoding_works_whether_or_not_there_is_a_mean(name):
    cls, options = FLOWS[name]
    posterior = make(cls, options, 2).float()
    vae = VAE(
        VampPrior(NormalPosterior(MLP(4, [], 4)), pseudo_inputs=torch.rand(3, 4)),
        posterior,
        BernoulliLikelihood(MLP(2, [], 4)),
    )
    x = torch.rand(5, 4)
    if name == "householder":
        torch.testing.assert_close(vae.encode(x), posterior(x).mean)
    else:
        with pytest.warns(UserWarning, match="Flow has no mean in closed form.*100 draws"):
            assert vae.encode(x).isfinite().all()


def test_no_graph_is_left_behind_in_the_module():
    # A transform remembers its last draw; a module that kept it could not be copied.
    for cls, options in FLOWS.values():
        posterior = make(cls, options, 2).float()
        vae = VAE(
            VampPrior(NormalPosterior(MLP(4, [], 4)), pseudo_inputs=torch.rand(3, 4)),
            posterior,
            BernoulliLikelihood(MLP(2, [], 4)),
        )
        ELBO().loss_and_grads(vae.model, vae.guide, torch.rand(5, 4))
        for module in vae.modules():
            for name, value in vars(module).items():
                if isinstance(value, torch.Tensor):
                    assert value.grad_fn is None, (type(module), name)


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (
            lambda: IAFPosterior(MLP(4, [], 18)),
            "latent_features: expected at least 2, since a flow.*got 1",
        ),
        (lambda: IAFPosterior(MLP(4, [], 26), hidden=(4,)), r"hidden: .*at least 5 units.*\[4\]"),
        (lambda: IAFPosterior(MLP(4, [], 26), hidden=()), "hidden: expected at least one layer"),
        (lambda: IAFPosterior(MLP(4, [], 26), transforms=0), "transforms: .*got 0"),
        (lambda: PlanarPosterior(MLP(4, [], 24), transforms=0), "transforms: .*got 0"),
        (lambda: SylvesterPosterior(MLP(4, [], 24), reflections=0), "reflections: .*got 0"),
        (
            lambda: HouseholderPosterior(MLP(4, [], 25)),
            r"network: .*\(12,\) for 2 latent variables, got \(25,\)",
        ),
    ],
)
def test_wrong_arguments_are_named(make_it, message):
    with pytest.raises(ValueError, match=message):
        make_it()
