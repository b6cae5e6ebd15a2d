"""Saving and loading: what comes back, what is refused, and that no file can run code."""

import math
import os
import sys
import textwrap

import numpy as np
import pyro
import pytest
import torch
from tiny import binary_data, grey_data, same, state, tiny_vae
from torch import nn

import pyrovae
from pyrovae import VAE, checkpoint, load, save
from pyrovae.likelihoods import (
    BernoulliLikelihood,
    ContinuousBernoulliLikelihood,
    NormalLikelihood,
)
from pyrovae.nn import MLP, ConvDecoder, ConvEncoder
from pyrovae.posteriors import LowRankNormalPosterior, NormalPosterior
from pyrovae.priors import MixturePrior, NormalPrior, VampPrior

IMAGE = (1, 4, 4)


def images(n=5):
    return torch.rand(n, *IMAGE, generator=torch.Generator().manual_seed(0))


def mlp_vae(prior, likelihood=BernoulliLikelihood, out=IMAGE, **options):
    posterior = NormalPosterior(MLP(IMAGE, (5, 4), 4, activation="tanh"))
    return VAE(prior(posterior), posterior, likelihood(MLP(2, [], out), **options))


MODELS = {
    "normal": lambda: mlp_vae(lambda q: NormalPrior(2)),
    "learned normal": lambda: mlp_vae(lambda q: NormalPrior(2, learned=True)),
    "mixture": lambda: mlp_vae(lambda q: MixturePrior(2, components=3)),
    "vamp": lambda: mlp_vae(lambda q: VampPrior(q, pseudo_inputs=images(), components=3)),
    "vamp of all": lambda: mlp_vae(lambda q: VampPrior(q, pseudo_inputs=images())),
    "vamp of another posterior": lambda: mlp_vae(
        lambda q: VampPrior(NormalPosterior(MLP(IMAGE, [], 4)), pseudo_inputs=images())
    ),
    "fixed scale": lambda: mlp_vae(lambda q: NormalPrior(2), NormalLikelihood, scale=0.25),
    "numpy's scale": lambda: mlp_vae(
        lambda q: NormalPrior(2), NormalLikelihood, scale=np.float64(0.25)
    ),
    "predicted scale": lambda: mlp_vae(
        lambda q: NormalPrior(2), NormalLikelihood, (2, 4, 4), scale="predicted"
    ),
    "continuous Bernoulli": lambda: mlp_vae(
        lambda q: NormalPrior(2), ContinuousBernoulliLikelihood
    ),
    "batch normalisation": lambda: tiny_vae(batch_norm=True, dropout=0.25),
    "convolutions": lambda: VAE(
        NormalPrior(2),
        NormalPosterior(ConvEncoder(IMAGE, 4, channels=[2])),
        BernoulliLikelihood(ConvDecoder(2, IMAGE, channels=[2])),
    ),
    "low rank": lambda: VAE(
        NormalPrior(2),
        LowRankNormalPosterior(
            MLP(IMAGE, [3], LowRankNormalPosterior.network_shape(2, rank=1)), rank=1
        ),
        BernoulliLikelihood(MLP(2, [], IMAGE)),
    ),
}


def outputs(model):
    """What model and guide compute, in evaluation mode, for one seed."""
    x = images() if model.posterior.data_shape == IMAGE else grey_data(5)
    model.eval()
    with torch.random.fork_rng(devices=[]), pyro.get_param_store().scope(), torch.no_grad():
        torch.manual_seed(3)
        q, p = pyro.poutine.trace(model.guide).get_trace(x), model.sample(4, draw=True)
        return [q.nodes["z"]["value"], p, model.reconstruct(x), q.log_prob_sum()]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_comes_back(name, tmp_path):
    path = tmp_path / "model.pt"
    model = MODELS[name]()
    if name == "batch normalisation":
        model.train()
        model.posterior(grey_data())  # moves the running statistics off their defaults
    save(model, path)
    loaded = load(path)
    assert type(loaded) is type(model)
    assert same(state(loaded), state(model))
    assert [type(m) for m in loaded.modules()] == [type(m) for m in model.modules()]
    assert not any(m.training for m in loaded.modules())
    for mine, theirs in zip(outputs(model), outputs(loaded), strict=True):
        assert mine.equal(theirs)
    # And again: what was loaded can be saved, and says the same.
    assert checkpoint.describe(loaded) == checkpoint.describe(model)


def test_a_shared_part_stays_shared(tmp_path):
    save(MODELS["vamp"](), tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt")
    assert loaded.prior.posterior is loaded.posterior
    assert loaded.prior.init_args["posterior"] is loaded.posterior
    save(MODELS["vamp of another posterior"](), tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt")
    assert loaded.prior.posterior is not loaded.posterior


def test_a_part_alone_is_saved_too(tmp_path):
    network = MLP(3, [2], 1)
    save(network, tmp_path / "network.pt")
    x = torch.ones(2, 3)
    assert load(tmp_path / "network.pt")(x).equal(network(x))


def test_the_description_is_the_command_lines_format():
    entries = checkpoint.describe(tiny_vae(vamp=True))
    assert [entry["class_path"].rpartition(".")[2] for entry in entries] == [
        "MLP",
        "NormalPosterior",
        "VampPrior",
        "MLP",
        "BernoulliLikelihood",
        "VAE",
    ]
    assert entries[2]["init_args"] == {
        "posterior": {"component": 1},
        "pseudo_inputs": {"tensor": [7, 4], "dtype": "float32"},
        "components": 3,
    }
    assert entries[0]["init_args"] == {"in_shape": 4, "hidden": [3], "out_shape": 4}


def test_saving_and_loading_leave_random_state_modes_and_weights(tmp_path):
    path = tmp_path / "model.pt"
    vae = tiny_vae(vamp=True).train()
    vae.likelihood.eval()
    modes = [m.training for m in vae.modules()]
    before, weights = torch.get_rng_state(), state(vae)
    save(vae, path)
    load(path)
    assert torch.get_rng_state().equal(before)
    assert [m.training for m in vae.modules()] == modes
    assert same(state(vae), weights)


def test_the_data_that_pseudo_inputs_were_drawn_from_are_not_stored(tmp_path):
    posterior = NormalPosterior(MLP(1000, [], 4))
    prior = VampPrior(posterior, pseudo_inputs=torch.rand(5000, 1000), components=2)
    save(prior, tmp_path / "prior.pt")
    assert os.path.getsize(tmp_path / "prior.pt") < 100_000
    assert load(tmp_path / "prior.pt").pseudo_inputs.equal(prior.pseudo_inputs)


# A user's own components


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Makes a package for each name, with classes of every kind, and gives each back."""
    made = []

    def make(name):
        folder = tmp_path / "packages" / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        (folder / "parts.py").write_text(
            textwrap.dedent("""
            import enum
            from torch import nn
            from pyrovae.nn.network import Network
            from pyrovae.priors import NormalPrior

            class Colour(str, enum.Enum):
                RED = "red"

            class MyPrior(NormalPrior):
                def __init__(self, features, /, *sizes, offset, names=None, **more):
                    super().__init__(features)
                    self.arguments = (features, sizes, offset, names, more)

            class Wrapper(Network):
                def __init__(self, inner, hook=None):
                    super().__init__(2, 4)
                    self.inner = inner

                def transform(self, x):
                    return self.inner(x)

            class Outer:
                class Inner(NormalPrior):
                    pass

            def make_local():
                class Local(NormalPrior):
                    pass
                return Local

            def function():
                raise RuntimeError("called")
            """)
        )
        made.append(name)
        monkeypatch.syspath_prepend(str(tmp_path / "packages"))
        return __import__(f"{name}.parts", fromlist=["parts"])

    yield make
    for name in made:
        for module in [m for m in sys.modules if m.split(".")[0] == name]:
            del sys.modules[module]


def test_a_users_class_is_loaded_from_a_package_that_is_allowed(packages, tmp_path):
    parts = packages("my_package")
    start = tiny_vae()
    names = {"a": [1, 2.5, None], "b": {"c": True}}
    prior = parts.MyPrior(2, 5, 6, offset=math.inf, names=names, extra="e")
    save(VAE(prior, start.posterior, start.likelihood), tmp_path / "model.pt")
    with pytest.raises(ValueError, match="'my_package' is not allowed.*allow="):
        load(tmp_path / "model.pt")
    loaded = load(tmp_path / "model.pt", allow=["my_package"])
    assert type(loaded.prior) is parts.MyPrior
    assert loaded.prior.arguments == (2, (5, 6), math.inf, names, {"extra": "e"})


@pytest.mark.parametrize(
    ("name", "allow"),
    [
        ("my_package", ["my"]),
        ("my_package", ["my_package2", "package"]),
        ("my_package", ["my_package.parts"]),
        ("my_package", "my_package"),
        ("pyrovae_evil", []),
        ("pyrovae_evil", ["pyrovae"]),
        ("pyrovaes", [""]),
    ],
)
def test_a_package_is_allowed_by_its_whole_name(name, allow, packages, tmp_path):
    save(packages(name).MyPrior(2, offset=1), tmp_path / "part.pt")
    for module in [m for m in sys.modules if m.split(".")[0] == name]:
        del sys.modules[module]
    with pytest.raises(ValueError, match="is not allowed"):
        load(tmp_path / "part.pt", allow=allow)
    assert name not in sys.modules


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda parts: parts.Wrapper(nn.Sequential()), ["Wrapper", "'inner'", "Sequential"]),
        (lambda parts: parts.Wrapper([nn.Linear(2, 4)]), ["Wrapper", "'inner'", "Linear"]),
        (lambda parts: parts.Wrapper(MLP(2, [], 4), lambda x: x), ["Wrapper", "'hook'"]),
        (lambda parts: parts.Wrapper({1: 2}), ["Wrapper", "'inner'", "dict"]),
        (lambda parts: parts.Wrapper({"a": {3}}), ["Wrapper", "'inner'", "set"]),
        (lambda parts: parts.Wrapper(np.ones(3)), ["Wrapper", "'inner'", "ndarray"]),
        (lambda parts: parts.Wrapper(parts.Colour.RED), ["Wrapper", "'inner'", "Colour"]),
        (lambda parts: parts.Wrapper(MLP(2, [], 4), print), ["Wrapper", "'hook'"]),
        (lambda parts: parts.Outer.Inner(2), ["Outer.Inner"]),
        (lambda parts: parts.make_local()(2), ["Local"]),
    ],
)
def test_what_cannot_be_recorded_is_refused_by_name(make, words, packages, tmp_path):
    parts = packages("my_package")
    model = make(parts)
    with pytest.raises(ValueError, match="cannot be recorded.*load") as caught:
        save(model, tmp_path / "model.pt")
    assert all(word in str(caught.value) for word in words)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "model.pt").exists()


def test_what_cannot_be_recorded_is_loaded_into_a_model(packages, tmp_path):
    parts = packages("my_package")
    first, second = (parts.Wrapper(nn.Linear(2, 4), print) for _ in range(2))
    checkpoint.write(tmp_path / "m.pt", {"components": None, "state_dict": first.state_dict()})
    with pytest.raises(ValueError, match=r"m\.pt.*load\(path, model=") as caught:
        load(tmp_path / "m.pt")
    assert "\n" not in str(caught.value)
    assert load(tmp_path / "m.pt", model=second) is second
    assert same(state(first), state(second))


# Files that do not fit


@pytest.mark.parametrize(
    "other",
    [
        lambda: tiny_vae(hidden=(5,)),
        lambda: tiny_vae(vamp=True),
        lambda: tiny_vae(batch_norm=True),
        lambda: tiny_vae(hidden=()),
    ],
)
def test_weights_of_another_model_are_refused_in_one_line(other, tmp_path):
    path = tmp_path / "model.pt"
    save(tiny_vae(), path)
    with pytest.raises(ValueError, match="do not fit the model") as caught:
        load(path, model=other())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x04N."])
def test_a_file_that_is_no_checkpoint(content, tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="model.pt"):
        load(path)


@pytest.mark.parametrize(
    "content",
    [
        torch.zeros(3),
        {"state_dict": {}},
        {"format": "pyrovae checkpoint 0", "components": [], "state_dict": {}},
        [],
    ],
)
def test_a_file_of_another_format(content, tmp_path):
    torch.save(content, tmp_path / "model.pt")
    with pytest.raises(ValueError, match="pyrovae checkpoint 1"):
        load(tmp_path / "model.pt")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere.pt"):
        load(tmp_path / "nowhere.pt")
    with pytest.raises(FileNotFoundError):
        load(tmp_path)


def test_a_truncated_file(tmp_path):
    path = tmp_path / "model.pt"
    save(tiny_vae(), path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ValueError, match="model.pt"):
        load(path)


def test_an_error_while_writing_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.pt"
    vae = tiny_vae()
    save(vae, path)

    def broken(content, target):
        target.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(torch, "save", broken)
    with pytest.raises(OSError, match="disk full"):
        save(tiny_vae(seed=1), path)
    monkeypatch.undo()
    assert same(state(load(path)), state(vae))
    assert os.listdir(tmp_path) == ["model.pt"]


def test_arguments_that_a_class_no_longer_takes(tmp_path):
    vae = tiny_vae()
    entries = checkpoint.describe(vae)
    entries[0]["init_args"]["nonsense"] = 1
    checkpoint.write(tmp_path / "m.pt", {"components": entries, "state_dict": vae.state_dict()})
    with pytest.raises(ValueError, match=r"pyrovae\.priors\.normal\.NormalPrior.*nonsense"):
        load(tmp_path / "m.pt")


# Files that mean harm


class Harm:
    """Unpickled without care, it makes a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("place", ["content", "entry", "state", "training"])
def test_a_pickled_command_is_never_run(place, tmp_path):
    trace = tmp_path / "harm"
    path = tmp_path / "model.pt"
    vae = tiny_vae()
    content = {
        "format": checkpoint.FORMAT,
        "components": checkpoint.describe(vae),
        "state_dict": dict(vae.state_dict()),
        "training": None,
    }
    if place == "content":
        content = Harm(trace)
    elif place == "entry":
        content["components"][0]["init_args"]["hidden"] = Harm(trace)
    elif place == "state":
        content["state_dict"]["prior.loc"] = Harm(trace)
    else:
        content["training"] = Harm(trace)
    torch.save(content, path)
    for read in (
        lambda: load(path),
        lambda: load(path, model=vae),
        lambda: load(path, allow=["os", "posix"]),
        lambda: checkpoint.read(path),
        lambda: pyrovae.fit(vae, binary_data(), checkpoint=path, resume=True, progress=False),
    ):
        with pytest.raises(ValueError, match="model.pt"):
            read()
        assert not trace.exists()
    # The file would have done it: an unsafe reader falls for it.
    torch.load(path, weights_only=False)
    assert trace.is_dir()


@pytest.mark.parametrize(
    ("class_path", "allow", "message"),
    [
        ("os.system", [], "not allowed"),
        ("os.system", ["os"], "expected a subclass"),
        ("builtins.eval", ["builtins"], "expected a subclass"),
        ("torch.nn.Linear", ["torch"], "expected a subclass"),
        ("pyrovae.files.atomic", [], "expected a subclass"),
        ("pyrovae.files.os.system", [], "no such class"),
        ("pyrovae.files.os", [], "expected a subclass"),
        ("pyrovae.nn.network.Tensor", [], "expected a subclass"),
        ("pyrovae.nn.Nothing", [], "no such class"),
        ("pyrovae", [], "no such class"),
        (".os.system", [], "not allowed"),
        ("", [], "not allowed"),
    ],
)
def test_only_components_are_imported(class_path, allow, message, tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr(os, "system", ran.append)
    entry = {"class_path": class_path, "init_args": {"command": "true"}}
    checkpoint.write(tmp_path / "m.pt", {"components": [entry], "state_dict": {}})
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "m.pt", allow=allow)
    assert ran == []
