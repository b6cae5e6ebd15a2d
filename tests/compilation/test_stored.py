"""A compiled program is found on disk by a later process, and one that is not the same is not taken."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch._inductor.runtime.runtime_utils import default_cache_dir
from torch.fx.experimental.proxy_tensor import make_fx

from pyrovae.compilation import CompiledFunction, cache, function, half_twice
from pyrovae.compilation.generated import assemble
from pyrovae.compilation.graph_key import graph_key

X = torch.linspace(-1, 1, 12).reshape(3, 4)
IN_A_PROCESS = """
import sys
import torch
from pyrovae.compilation import CompiledFunction, half_twice

class Noisy(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, leaves, batch):
        (x,) = batch
        self.seen.add_(x.sum())
        return [((x + torch.randn_like(x)) @ x.T).exp().sum()]

module = Noisy()
batch = (torch.linspace(-1, 1, 12).reshape(3, 4),)
run = CompiledFunction(module, module, batch, half_twice(batch), names=["sum"])
torch.manual_seed(0)
compiled = run(batch)[0]
torch.manual_seed(0)
torch.testing.assert_close(compiled, module([], batch)[0])
torch.testing.assert_close(module.seen, 2 * batch[0].sum())
print(compiled.item(), "torch._inductor.codecache" in sys.modules)
"""


@pytest.fixture
def nothing_stored():
    """These tests are about what is stored."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One cache: kernels that torch has loaded stay loaded, from where they were."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def compiled(monkeypatch, folder):
    """Compiles a function with a cache of these tests: how often torch was asked to, by now."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(folder))
    asked, compile_graph = [], function.compile_graph
    monkeypatch.setattr(
        function, "compile_graph", lambda *args: asked.append(1) or compile_graph(*args)
    )

    def run(make, x=X):
        module, batch = nn.Identity(), (x,)
        program = CompiledFunction(
            module, lambda leaves, batch: [make(*batch)], batch, half_twice(batch), names=["y"]
        )
        # Roundings of one or two operations.
        torch.testing.assert_close(program(batch)[0], make(x))
        return len(asked)

    return run


def times(number):
    """A function that no other test compiles, whose kernels torch would have from elsewhere."""
    return lambda x: x * number + 0.123


def stored(folder):
    return sorted((folder / "pyrovae").rglob("*.json"))


def test_the_next_process_loads_no_compiler_and_gives_the_same_bits(folder, monkeypatch, capsys):
    """The first one is this one, whose compiler other tests load, too."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(folder))
    before, threads = stored(folder), str(torch.get_num_threads())
    exec(IN_A_PROCESS, {})  # noqa: S102
    first, had_compiler = capsys.readouterr().out.split()
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IN_A_PROCESS],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": threads},
    )
    second, has_compiler = done.stdout.split()
    assert first == second
    assert (had_compiler, has_compiler) == ("True", "False")
    assert len(stored(folder)) == len(before) + 1


def test_the_same_program_is_found_and_another_is_not(compiled):
    assert compiled(times(0.5)) == 1
    assert compiled(times(0.5), X + 1) == 1
    assert compiled(times(0.25)) == 2
    assert compiled(times(0.5)) == 2
    assert compiled(times(0.5), X.T.contiguous().T) == 3  # other strides


def half_a_file(path, other):
    path.write_text(path.read_text()[:40])


def another_program(path, other):
    path.write_text(other.read_text())


def no_program(path, other):
    _, text = path.read_text().split("\n", 1)
    text = json.dumps({**json.loads(text), "source": "raise SystemError"})
    path.write_text(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")


def one_that_ends_the_process(path, other):
    digest, text = path.read_text().split("\n", 1)
    text = json.dumps({**json.loads(text), "source": "raise SystemExit"})
    path.write_text(f"{digest}\n{text}")


@pytest.mark.parametrize(
    ("number", "damage"),
    [(2, half_a_file), (3, another_program), (4, no_program), (5, one_that_ends_the_process)],
)
def test_what_is_stored_wrongly_is_compiled_again(compiled, folder, number, damage):
    before = stored(folder)
    compiled(times(number))
    (path,) = set(stored(folder)) - set(before)
    assert compiled(times(-number)) == 2
    (other,) = set(stored(folder)) - {path, *before}
    damage(path, other)
    assert compiled(times(number)) == 3
    assert compiled(times(-number)) == 3


def test_a_kernel_that_is_another_is_not_called(compiled, folder):
    before = stored(folder)
    compiled(times(7.5))
    (path,) = set(stored(folder)) - set(before)
    parts = json.loads(path.read_text().split("\n", 1)[1])
    ((name, (path, digest, function)),) = parts["kernels"].items()
    with pytest.raises(OSError, match="none"):
        assemble({**parts, "kernels": {name: ["none.so", digest, function]}}, folder)
    with pytest.raises(ValueError, match="the kernels have changed"):
        assemble({**parts, "kernels": {name: [path, 64 * "0", function]}}, folder)


def key(make, *inputs):
    return graph_key(make_fx(make)(*inputs), list(inputs))


@torch.library.custom_op("pyrovae_tests::doubled", mutates_args=())
def doubled(x: torch.Tensor) -> torch.Tensor:
    return 2 * x


def test_the_key_is_of_all_that_decides_about_the_code(monkeypatch):
    def scaled(number):
        return lambda x: x * number

    keys = [
        key(scaled(2.0), X),
        key(scaled(2), X),  # an integer promotes otherwise
        key(scaled(2.0 + 2**-50), X),
        key(scaled(2.0), X.double()),
        key(scaled(2.0), X[:2]),
        key(lambda x: (x * 2.0).sum(0), X),
        key(lambda x: (x * 2.0).sum(1), X),
        key(lambda x: 2.0 * x[:, 1:], X),
        key(lambda x: 2.0 * x[:, :3], X),
    ]
    assert key(scaled(2.0), X + 1) == keys[0]
    monkeypatch.setattr(torch, "get_num_threads", lambda: 17)
    keys.append(key(scaled(2.0), X))
    monkeypatch.undo()
    monkeypatch.setenv("TORCHINDUCTOR_FREEZING", "1")
    keys.append(key(scaled(2.0), X))
    monkeypatch.undo()
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", "/tmp/another")  # each run has its own
    assert key(scaled(2.0), X) == keys[0]
    assert None not in keys
    assert len(set(keys)) == len(keys)


def test_what_a_later_process_could_not_tell_has_no_key(monkeypatch):
    import torch._inductor.config

    assert key(doubled, X) is None
    assert key(lambda a, b: a + b, X, X[:]) is None  # memory that two inputs share
    with torch._inductor.config.patch(epilogue_fusion=False):
        assert key(torch.exp, X) is None
    monkeypatch.setenv("TORCHINDUCTOR_FORCE_DISABLE_CACHES", "1")
    assert key(torch.exp, X) is None


def nobody():
    raise KeyError("getpwuid(): uid not found: 12345")


def test_a_user_without_a_name_has_a_cache_where_torch_has_it(monkeypatch, tmp_path):
    monkeypatch.setattr(cache.getpass, "getuser", nobody)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    assert cache.cache_folder() == tmp_path
    assert cache.default_folder() == Path(default_cache_dir())
    monkeypatch.setattr(cache.getpass, "getuser", lambda: "domain\\name")
    assert cache.default_folder() == Path(default_cache_dir())
