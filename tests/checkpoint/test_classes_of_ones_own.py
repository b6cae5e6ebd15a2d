"""Classes of a user's own: which packages are allowed, and what cannot be recorded."""

import math
import sys
import textwrap

import numpy as np
import pytest
from tiny import same, state, tiny_vae
from torch import nn

from pyrovae import VAE, checkpoint, load, save
from pyrovae.nn import MLP

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
