"""Checkpoints whose description of the model means harm."""

import copy
import signal

import pytest
import torch
from hostile import SECONDS, attempt, content, entry, no_trace, refused
from registry import LIKELIHOODS, NETWORKS, OF_CODES, POSTERIORS, PRIORS

from pyrovae import VAE, checkpoint, load
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

pytestmark = pytest.mark.usefixtures("no_trace")
__all__ = ["no_trace"]

# The class of a part

CLASS_PATHS = [
    "os.system",
    "posix.system",
    "builtins.eval",
    "builtins.exec",
    "subprocess.Popen",
    "subprocess.call",
    "harm.Harm",
    "harm",
    "pyrovae.harm.Harm",
    "pyrovae.files.os.system",
    "pyrovae.files.os.popen",
    "pyrovae.cli.main.sys.exit",
    "pyrovae.cli.main",
    "pyrovae.__main__.main",
    "pyrovae.__main__.sys",
    "pyrovae.checkpoint.file.zipfile.ZipFile",
    "pyrovae.nn.mlp.nn.Linear",
    "pyrovae.component.Component",
    "pyrovae.nn.Network",
    "pyrovae.priors.Prior",
    "pyrovae.objectives.ELBO",
    "torch.nn.Linear",
    "torch.hub.load",
    "torch.load",
    "torch.utils.cpp_extension.load",
    "torch.utils.cpp_extension.subprocess.Popen",
    "torch.utils.collect_env.subprocess.Popen",
    "pyro.infer.Trace_ELBO",
    "runpy.run_path",
    "importlib.import_module",
    "pickle.loads",
    "ctypes.CDLL",
    "code.interact",
    "pdb.run",
    "antigravity.webbrowser.open",
    "pyrovae",
    "pyrovae.",
    ".pyrovae.nn.MLP",
    "pyrovae..MLP",
    "pyrovae.nn.MLP.__init__",
    "pyrovae.nn.MLP.forward.__globals__",
    "pyrovae.nn.mlp.__builtins__",
    "pyrovae/nn/MLP",
    "../harm.Harm",
    "",
    "." * 10_000,
    "pyrovae." + "a." * 10_000 + "B",
    "pyrovae\n.nn.MLP",
    "ﬁles.MLP",
    None,
    3,
    True,
    ["pyrovae.nn.MLP"],
    {"class_path": "pyrovae.nn.MLP"},
]


@pytest.mark.parametrize("class_path", CLASS_PATHS, ids=lambda path: repr(path)[:40])
@pytest.mark.parametrize("allow", [[], ["harm_less", "torch", "os", "subprocess", "builtins"]])
def test_a_class_that_is_no_part_of_a_model(class_path, allow, tmp_path):
    hostile = content()
    hostile["components"].append(entry(class_path, command="touch owned"))
    torch.save(hostile, tmp_path / "model.pt")
    refused(tmp_path / "model.pt", allow)


# Its arguments


def cyclic():
    value = []
    value.append(value)
    return value


def deep(n):
    value = []
    for _ in range(n):
        value = [value]
    return value


def doubling(n):
    value = [1]
    for _ in range(n):
        value = [value, value]
    return value


ARGUMENTS = {
    "a specification of a command": {"class_path": "os.system", "init_args": {"command": "true"}},
    "a specification of a part": entry("pyrovae.nn.MLP", in_shape=2, hidden=[], out_shape=2),
    "a mapping": {"a": 1},
    "both of two kinds": {"component": 0, "tensor": [1], "dtype": "float32"},
    "a part that is not there": {"component": 99},
    "a part of a negative number": {"component": -1},
    "itself": {"component": 1},
    "a part numbered by a truth value": {"component": True},
    "a part numbered by a text": {"component": "0"},
    "a part in the place of a number": {"component": 0},
    "parts in the place of numbers": [{"component": 0}],
    "a tensor": {"tensor": [2], "dtype": "float32"},
    "a tensor of a negative shape": {"tensor": [-1], "dtype": "float32"},
    "a tensor of a huge shape": {"tensor": [10**12, 10**12], "dtype": "float32"},
    "a tensor of a dtype that is a function": {"tensor": [1], "dtype": "load"},
    "a tensor of a dotted dtype": {"tensor": [1], "dtype": "hub.load"},
    "a tensor of no dtype": {"tensor": [1], "dtype": None},
    "a dict of no dict": {"dict": [1]},
    "a real tensor": torch.ones(2),
    "a list in itself": cyclic(),
    "a deep list": deep(200),
    "a list that doubles": doubling(40),
    "a long list": [1] * 200_000,
    "a huge number": 10**30,
    "a negative number": -1,
    "nothing": None,
    "not a number": float("nan"),
    "infinity": float("inf"),
    "a text": "os.system",
    "a long text": "a" * 2_000_000,
    "bytes": b"touch owned",
    "a set": {1, 2},
    "a complex number": 1j,
    "keys that are numbers": {1: 2},
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_argument_that_is_no_layers_sizes(name, tmp_path):
    hostile = content()
    (place,) = [
        i for i, e in enumerate(hostile["components"]) if e["init_args"].get("hidden") == [3]
    ]
    hostile["components"][place]["init_args"]["hidden"] = ARGUMENTS[name]
    torch.save(hostile, tmp_path / "model.pt")
    refused(tmp_path / "model.pt")


@pytest.mark.parametrize(
    "components",
    [
        [],
        {},
        "pyrovae.models.VAE",
        [1],
        [None],
        ["pyrovae.nn.MLP"],
        [[]],
        [{}],
        [{"class_path": "pyrovae.nn.MLP"}],
        [{"init_args": {}}],
        [{"class_path": "pyrovae.nn.MLP", "init_args": []}],
        [{"class_path": "pyrovae.nn.MLP", "init_args": {}}],
        [{"class_path": "pyrovae.nn.MLP", "init_args": {}, "then": {"class_path": "os.system"}}],
        [{"class_path": "pyrovae.priors.NormalPrior", "init_args": {"latent_features": 2}}] * 3000,
        cyclic(),
    ],
    ids=range(15),
)
def test_components_that_are_no_description(components, tmp_path):
    torch.save(content() | {"components": components}, tmp_path / "model.pt")
    refused(tmp_path / "model.pt")


# Sizes: of every number that a part is made with

PARTS = {**NETWORKS, **LIKELIHOODS, **POSTERIORS}
PARTS |= {
    name: lambda make=make, name=name: make(
        POSTERIORS["VectorQuantizedPosterior" if name in OF_CODES else "NormalPosterior"]()
    )
    for name, make in PRIORS.items()
}
LARGE = [10**9, *(pytest.param(n, marks=pytest.mark.proof) for n in (10**5, 10**15))]


def numbers_of(value, way=()):
    """The ways to all whole numbers above one in a description's arguments."""
    if type(value) is int and value > 1:
        yield way
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, item in items:
        if key not in ("component", "dtype"):
            yield from numbers_of(item, (*way, key))


def with_number(description, way, number):
    changed = copy.deepcopy(description)
    *path, last = way
    place = changed
    for key in path:
        place = place[key]
    place[last] = number
    return changed


@pytest.mark.parametrize("number", LARGE, ids=str)
@pytest.mark.parametrize("name", PARTS)
def test_a_part_takes_no_more_memory_than_its_weights(name, number, tmp_path):
    part = PARTS[name]()
    description = checkpoint.describe(part)
    path = tmp_path / "model.pt"
    ways = [
        w for i, e in enumerate(description) for w in numbers_of(e["init_args"], (i, "init_args"))
    ]
    for way in ways:
        signal.alarm(SECONDS)
        changed = with_number(description, way, number)
        checkpoint.write(path, {"components": changed, "state_dict": part.state_dict()})
        loaded, message = attempt(path)
        assert "\n" not in message
        if loaded is not None:  # a number that is no size, as that of a multinomial's trials
            size = sum(t.numel() for t in loaded.state_dict().values())
            assert size == sum(t.numel() for t in part.state_dict().values())


def test_a_network_of_very_many_layers(tmp_path):
    network = MLP(1, [], 1)
    description = checkpoint.describe(network)
    description[0]["init_args"]["hidden"] = [1] * 90_000
    checkpoint.write(
        tmp_path / "m.pt", {"components": description, "state_dict": network.state_dict()}
    )
    refused(tmp_path / "m.pt")


def test_a_large_model_comes_back_within_its_bounds(tmp_path):
    """The bounds leave room for what is honest: many layers, and one that is large."""
    posterior = NormalPosterior(MLP(784, [1000, *[8] * 300], 4))
    vae = VAE(NormalPrior(2), posterior, BernoulliLikelihood(MLP(2, [], 784)))
    checkpoint.save(vae, tmp_path / "m.pt")
    assert sum(p.numel() for p in load(tmp_path / "m.pt").parameters()) == sum(
        p.numel() for p in vae.parameters()
    )
