"""Models that observe several sites: every query gives all of them, and figures say which."""

from pathlib import Path

import conditional
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import semi_supervised
import torch
from command_line import quick
from tiny import FEATURES, tiny_vae

from pyrovae import VAE, evaluate, plots
from pyrovae.cli.main import main
from pyrovae.latent_space import continuity
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import ConditionalVAE, LatentVariableModel, MixedVAE, SemiSupervisedVAE
from pyrovae.nn import MLP
from pyrovae.posteriors import CategoricalPosterior, NormalPosterior
from pyrovae.priors import CategoricalPrior, NormalPrior


class HalvesVAE(VAE):
    """The first half of a datum is normal, the second, of bits, a site of its own."""

    def model(self, x):
        half = self.data_shape.numel() // 2
        with self.data_plate(x):
            z = pyro.sample("z", self.prior())
            p = self.likelihood(z)
            flat, logits = x, p.mean
            pyro.deterministic("logits", logits, event_dim=1)
            pyro.factor("penalty", -z.square().sum(-1))
            pyro.sample(
                "left", dist.Normal(logits[..., :half], 1.0).to_event(1), obs=flat[:, :half]
            )
            right = dist.Bernoulli(logits=logits[..., half:]).to_event(1)
            pyro.sample("right", right, obs=flat[:, half:])


def halves():
    vae = tiny_vae(normal=True)
    return HalvesVAE(vae.prior, vae.posterior, vae.likelihood)


def data(n=7):
    return torch.rand(n, FEATURES, generator=torch.Generator().manual_seed(3)).round()


def test_every_query_gives_all_sites():
    model, x = halves(), data()
    logits = model.likelihood(model.encode(x)).mean
    for found in (
        model.reconstruct(x),
        {k: p.mean for k, p in model.decode(model.encode(x)).items()},
    ):
        assert list(found) == ["left", "right"]
        torch.testing.assert_close(found["left"], logits[:, :2])
        torch.testing.assert_close(found["right"], logits[:, 2:].sigmoid())
    means, draws = model.sample(5), model.sample(5, draw=True)
    assert {k: v.shape for k, v in means.items()} == {"left": (5, 2), "right": (5, 2)}
    assert set(draws["right"].unique().tolist()) <= {0.0, 1.0}
    assert not set(means["right"].unique().tolist()) <= {0.0, 1.0}


def test_one_site_alone():
    model, x = halves(), data()
    right = model.only("right")
    torch.testing.assert_close(right.reconstruct(x), model.reconstruct(x)["right"])
    torch.testing.assert_close(right.decode(right.encode(x)).mean, right.reconstruct(x))
    assert right.sample(5).shape == (5, 2)
    with pytest.raises(ValueError, match=r"data sites \['left', 'right'\], got 'z'"):
        model.only("z").sample(2)
    with pytest.raises(ValueError, match="single data site"):
        tiny_vae().only("z").sample(2)


def test_a_site_that_is_no_data_is_none():
    """A deterministic site and a factor, which Pyro observes, are no data: of one site, a tensor."""

    class Own(LatentVariableModel):
        def model(self, x):
            with self.data_plate(x):
                z = pyro.sample("z", dist.Normal(0.0, 1.0))
                pyro.factor("f", -z)
                pyro.deterministic("twice", 2 * z, event_dim=0)
                pyro.sample("x", dist.Normal(z, 1.0), obs=x)

        def guide(self, x):
            with self.data_plate(x):
                pyro.sample("z", dist.Normal(x, 1.0))

    x = torch.randn(4)
    torch.testing.assert_close(Own().reconstruct(x), x)
    assert Own().sample(3).shape == (3,)


class Labelled(LatentVariableModel):
    """A label that is data, in a tensor of its own."""

    def model(self, x, y):
        with self.data_plate(x):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)
            pyro.sample("y", dist.Poisson(z.square().sum(-1)), obs=y)

    def guide(self, x, y):
        with self.data_plate(x):
            pyro.sample("z", dist.Normal(x, 1.0).to_event(1))


def test_what_a_site_observes_is_not_read_where_it_is_generated():
    model, x = Labelled(), torch.randn(6, 2)
    found = model.reconstruct(x, torch.zeros(6))
    torch.testing.assert_close(found["y"], x.square().sum(-1))
    assert model.sample(3, torch.zeros(3))["y"].shape == (3,)
    with pytest.raises(ValueError, match=r"arguments of model\(x, y\) after the data, got 0"):
        model.sample(3)


class Counting:
    """Also observes how many ones there are."""

    def model(self, x, *given):
        super().model(x, *given)
        with pyro.plate("counts", len(x), dim=-1):
            pyro.sample("count", dist.Poisson(torch.full((len(x),), 2.0)), obs=x.flatten(1).sum(1))


class CountingMixed(Counting, MixedVAE):
    pass


class CountingConditional(Counting, ConditionalVAE):
    pass


class CountingM2(Counting, SemiSupervisedVAE):
    pass


def mixed(kind=MixedVAE):
    return kind(
        NormalPrior(2),
        NormalPosterior(MLP(5, [], 4)),
        CategoricalPrior(3),
        CategoricalPosterior(MLP(5, [], 3)),
        BernoulliLikelihood(MLP(5, [], 5)),
    )


def of_kind(make, kind):
    model = make()
    model.__class__ = kind
    return model


MODELS = {
    "mixed": (lambda: mixed(CountingMixed), mixed, ()),
    "conditional": (
        lambda: of_kind(conditional.make, CountingConditional),
        conditional.make,
        (torch.tensor([0, 2, 1, 1, 0, 2, 2]),),
    ),
    "semi-supervised": (
        lambda: of_kind(semi_supervised.make, CountingM2),
        semi_supervised.make,
        (torch.tensor([0, 2, 1, 1, 0, 2, 2]),),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_models_of_the_library_with_another_site(name):
    make, plain, given = MODELS[name]
    x, model = conditional.data(), make()
    found = model.reconstruct(x, *given)
    assert found["x"].shape == x.shape
    assert found["count"].tolist() == [2.0] * 7
    assert list(model.sample(7, *given)) == ["x", "count"]
    assert list(model.decode(model.encode(x, *given), *given)) == ["x", "count"]
    # Of one site there is a tensor, and a distribution, as ever.
    assert plain().reconstruct(x, *given).shape == x.shape
    assert plain().sample(7, *given).shape == x.shape
    assert plain().decode(plain().encode(x, *given), *given).batch_shape == (7,)


def test_a_condition_that_is_fixed():
    model, x = of_kind(conditional.make, CountingConditional), conditional.data()
    assert list(model.given(1).sample(2)) == ["x", "count"]
    assert model.given(1).only("x").reconstruct(x).shape == x.shape


def test_reports_take_all_sites():
    model, x = halves(), data()
    report = evaluate(model, x, samples=5)
    assert not report.warnings or "effective" in " ".join(report.warnings)
    assert report.bits_per_dim is None  # a normal and bits


@pytest.mark.parametrize("query", [plots.samples, lambda m: plots.traversal(m, data())])
def test_figures_say_that_there_are_several_and_draw_one(query):
    with pytest.raises(ValueError, match=r"data sites 'left', 'right': .*model.only\('left'\)"):
        query(halves())
    assert query(halves().only("right")).axes


def test_numbers_of_latent_spaces_say_so_too():
    with pytest.raises(ValueError, match=r"model.only\('left'\)"):
        continuity(halves(), data(), data().flip(0))


@pytest.mark.parametrize("figure", [plots.reconstructions, plots.latent_codes])
def test_data_of_another_shape_are_not_drawn_beside_a_site(figure):
    with pytest.raises(
        ValueError, match=r"expected data of shape \(2,\), the shape of the model's output"
    ):
        figure(halves().only("left"), data())


OWN = """
import pyro
import pyro.distributions as dist
from pyrovae import VAE

class Halves(VAE):
    def model(self, x):
        with self.data_plate(x):
            z = pyro.sample("z", self.prior())
            p = self.likelihood(z).mean.flatten(-3)
            flat = x.flatten(1)
            pyro.sample("left", dist.Normal(p[..., :32], 1.0).to_event(1), obs=flat[:, :32])
            pyro.sample("right", dist.Normal(p[..., 32:], 1.0).to_event(1), obs=flat[:, 32:])
"""


def test_the_command_line_writes_all_sites(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("halves_model.py").write_text(OWN)
    train = ["train", *quick(epochs=1), "--model", "halves_model.Halves", "--out", "run"]
    assert main(train) == 0
    figures = {path.name for path in Path("run/figures").iterdir()}
    assert {"samples_of_left.png", "samples_of_right.png", "traversal_of_left.png"} <= figures
    assert not {"samples.png", "reconstructions.png"} & figures
    allow = ["--allow", "halves_model"]
    assert main(["sample", "run", "--n", "3", *allow]) == 0
    assert main(["reconstruct", "run", "--n", "3", *allow]) == 0
    assert main(["sample", "run", "--n", "1001", "--out", "many.npz", *allow]) == 0
    for file, n in (
        ("run/samples.npz", 3),
        ("run/reconstructions.npz", 3),
        ("many.npz", 1001),
    ):
        with np.load(file) as arrays:
            assert {name: values.shape for name, values in arrays.items()} == {
                "left": (n, 32),
                "right": (n, 32),
            }
    capsys.readouterr()
    for out in ("x.npy", "x.png"):
        assert main(["sample", "run", "--out", out, *allow]) == 2
        assert "a .npz file for several data sites (left, right)" in capsys.readouterr().err
    # Of another model in its place there is none of these figures.
    assert main(["train", *quick(epochs=1), "--out", "run", "--overwrite"]) == 0
    assert not [*Path("run/figures").glob("*_of_*")]
    for command in ("sample", "reconstruct"):
        assert main([command, "run", "--n", "2", "--out", "a.npz"]) == 0
        assert main([command, "run", "--n", "2", "--out", "a.npy"]) == 0
        with np.load("a.npz") as arrays:
            assert list(arrays) == ["x"]
            assert arrays["x"].shape == np.load("a.npy").shape == (2, 1, 8, 8)
