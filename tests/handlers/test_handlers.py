import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.distributions import constraints

from pyrovae.handlers import (
    CheckShapes,
    ScaleLatents,
    UseMeans,
    is_latent,
    latent_means,
    mean_of,
    scale_latents,
    tensors_taken,
)


def program(x):
    w = pyro.param("w", torch.tensor(1.0))
    with pyro.plate("data", len(x), dim=-1):
        a = pyro.sample("a", dist.Normal(w, 1.0))
        b = pyro.sample("b", dist.Normal(2 * a, 1.0))
        return pyro.sample("x", dist.Normal(a + b, 1.0), obs=x)


def subsampled(x):
    with pyro.plate("data", len(x), subsample_size=2, dim=-1) as i:
        z = pyro.sample("z", dist.Normal(0.0, 1.0))
        pyro.sample("x", dist.Normal(z, 1.0), obs=x[i])


@pytest.mark.parametrize(("run", "latents"), [(program, ["a", "b"]), (subsampled, ["z"])])
def test_latents_are_told_from_data_params_and_plates(run, latents):
    nodes = poutine.trace(run).get_trace(torch.zeros(3)).nodes
    assert [name for name, site in nodes.items() if is_latent(site)] == latents


@pytest.mark.parametrize("factor", [0.0, 0.3, 2.0, torch.tensor(0.3)])
def test_scale_latents_weighs_the_latents_and_nothing_else(factor):
    x = torch.randn(3)
    plain = poutine.trace(program).get_trace(x)
    scaled = poutine.trace(scale_latents(poutine.replay(program, plain), factor)).get_trace(x)
    plain.compute_log_prob()
    scaled.compute_log_prob()
    for name, weight in {"a": factor, "b": factor, "x": 1.0}.items():
        expected = weight * plain.nodes[name]["log_prob"]
        torch.testing.assert_close(scaled.nodes[name]["log_prob"], expected)


def test_scale_latents_keeps_the_scales_that_are_there():
    nodes = poutine.trace(ScaleLatents(0.5)(subsampled)).get_trace(torch.zeros(6)).nodes
    assert nodes["z"]["scale"] == 0.5 * 6 / 2
    assert nodes["x"]["scale"] == 6 / 2


def test_scale_latents_factor_can_be_moved_between_runs():
    scale = ScaleLatents(0.5)
    wrapped = scale(program)
    for factor in (0.5, 0.9):
        scale.factor = factor
        assert poutine.trace(wrapped).get_trace(torch.zeros(3)).nodes["a"]["scale"] == factor


def test_latent_means_follow_one_another():
    pyro.param("w", torch.tensor(1.5))
    means = latent_means(program, torch.zeros(4))
    assert list(means) == ["a", "b"]
    assert means["a"].tolist() == [1.5] * 4
    assert means["b"].tolist() == [3.0] * 4


def test_use_means_leaves_conditioned_sites_alone():
    a = torch.tensor([1.0, 2.0])
    conditioned = poutine.condition(program, {"a": a})
    for run in (UseMeans()(conditioned), poutine.condition(UseMeans()(program), {"a": a})):
        nodes = poutine.trace(run).get_trace(torch.zeros(2)).nodes
        assert torch.equal(nodes["a"]["value"], a)
        assert torch.equal(nodes["b"]["value"], 2 * a)


def test_use_means_draws_where_there_is_no_mean_and_says_so():
    def guide(x):
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.LogNormal(torch.zeros(len(x)), 0.1))
            base = dist.Normal(torch.full((len(x),), 5.0), 0.1)
            pyro.sample("t", dist.TransformedDistribution(base, [dist.transforms.ExpTransform()]))

    with pytest.warns(UserWarning, match=r"'t': TransformedDistribution .*mean of 400 draws"):
        nodes = poutine.trace(UseMeans(draws=400)(guide)).get_trace(torch.zeros(3)).nodes
    expected = torch.tensor(0.005).exp()
    torch.testing.assert_close(nodes["z"]["value"], expected.expand(3))
    # exp(N(5, 0.1)) has mean exp(5.005) = 149.2 and spread 15; of 400 draws 0.75, four of them.
    assert (nodes["t"]["value"] - 149.2).abs().max() < 3.0


def check(fn, value, size=3, **plates):
    def run():
        with pyro.plate("data", size, dim=-1), CheckShapes(size):
            pyro.sample("x", fn, obs=value)

    for name, n in plates.items():
        run = pyro.plate(name, n, dim=-2)(run)
    return run()


def test_check_shapes_passes_what_fits():
    check(dist.Normal(torch.zeros(3, 4), 1.0).to_event(1), torch.zeros(3, 4))
    check(dist.Normal(0.0, 1.0), torch.zeros(3))
    # Particles: the data have no dimension for them.
    check(dist.Normal(torch.zeros(5, 3, 4), 1.0).to_event(1), torch.zeros(3, 4), particles=5)


@pytest.mark.parametrize(
    ("fn", "value", "message"),
    [
        (
            dist.Normal(torch.zeros(4), 1.0).to_event(1),
            (4,),
            r"'x': expected data .*\(3, 4\).*\(4,\)",
        ),
        (
            dist.Normal(torch.zeros(4), 1.0).to_event(1),
            (3, 1),
            r"'x'.*event shape \(4,\).*has \(1,\)",
        ),
        (dist.Normal(torch.zeros(2, 2), 1.0).to_event(2), (3, 4), r"'x'.*event shape \(2, 2\)"),
        (dist.Normal(torch.zeros(3, 3), 1.0), (3, 3), r"'x': expected data of shape \(3,\)"),
        (dist.Normal(0.0, 1.0), (1,), r"'x': expected data of shape \(3,\)"),
    ],
)
def test_check_shapes_refuses_what_would_broadcast(fn, value, message):
    with pytest.raises(ValueError, match=message):
        check(fn, torch.zeros(value))


def test_check_shapes_refuses_data_that_could_pass_for_particles():
    with pytest.raises(ValueError, match=r"'x': expected data of shape \(3,\).* got \(3, 3\)"):
        check(dist.Normal(torch.zeros(3, 3), 1.0), torch.zeros(3, 3), particles=3)


def test_check_shapes_refuses_a_latent_of_the_wrong_event_shape():
    def model():
        with pyro.plate("data", 3, dim=-1), CheckShapes(3):
            pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))

    def guide():
        with pyro.plate("data", 3, dim=-1):
            pyro.sample("z", dist.Normal(torch.zeros(4), 1.0).to_event(1))

    trace = poutine.trace(guide).get_trace()
    with pytest.raises(ValueError, match=r"'z'.*event shape \(1,\), but its value has \(4,\)"):
        poutine.replay(model, trace)()


def test_tensors_taken():
    class Model:
        def model(self, x, y=None, *, beta=1.0): ...

    assert tensors_taken(Model().model) == 2
    assert tensors_taken(lambda: None) == 0
    assert tensors_taken(lambda x, /: None) == 1
    assert tensors_taken(lambda *batch: None) is None


@pytest.mark.parametrize(
    ("p", "mode"),
    [
        (dist.Cauchy(torch.tensor([1.0, -2.0]), 1.0).to_event(1), [1.0, -2.0]),
        (dist.Categorical(torch.tensor([0.2, 0.7, 0.1])), 1),
    ],
)
def test_the_mode_stands_in_for_a_mean_that_does_not_exist(p, mode):
    with pytest.warns(UserWarning, match="site 'z': .* has no mean, so its mode is given"):
        means = latent_means(lambda x: pyro.sample("z", p), torch.zeros(1))
    assert means["z"].tolist() == mode


def test_how_far_a_mean_of_draws_is_off_is_known():
    class Drawn(dist.Normal):
        @property
        def mean(self):
            raise NotImplementedError

    scale = torch.tensor([0.5, 2.0])
    found = mean_of(Drawn(torch.zeros(3000, 2), scale), draws=20, at_once=7)
    # Each of 3000 means is off by a normal of variance scale^2 / 20: the mean square of them has
    # a relative error of sqrt(2 / 3000) = 2.6 %, and less the mean of what they are told to have.
    told, true = found.variance.mean(0), found.value.square().mean(0)
    torch.testing.assert_close(told, scale.square() / 20, rtol=0.1, atol=0)
    torch.testing.assert_close(true, scale.square() / 20, rtol=0.13, atol=0)
    assert mean_of(dist.Normal(0.0, 1.0)).variance is None


def test_a_mean_direction_that_is_drawn_is_off_by_its_noise():
    class Sphere(dist.Normal):
        support = constraints.sphere
        event_shape = torch.Size([3])

        @property
        def mean(self):
            raise NotImplementedError

    # Draws from nowhere in particular: directions all over the sphere, 1/3 of variance in each.
    found = mean_of(Sphere(torch.zeros(4000, 3), 1.0), draws=50)
    torch.testing.assert_close(found.value.norm(dim=-1), torch.ones(4000))
    # By the delta method, on average more: one over the mean of the square of the mean's length.
    assert (found.value.var(0) - found.variance.mean(0)).max() < 0.01
