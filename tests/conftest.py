import gc
import sys

import pyro
import pytest
import torch
from hypothesis import HealthCheck, settings

# The suite draws the same examples each time, so that it fails for a change and not by chance;
# `make proof` draws more, and others. The state that is fresh for a test need not be so for each.
for profile, examples in (("part", 15), ("proof", 200)):
    settings.register_profile(
        profile,
        max_examples=examples,
        derandomize=profile == "part",
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
settings.load_profile("part")


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, default=0, help="of the random numbers in each test")
    # More would have the workers of pytest-xdist fight over the cores.
    parser.addoption("--threads", type=int, default=1, help="that PyTorch calculates with")


def pytest_configure(config):
    torch.set_num_threads(config.getoption("--threads"))


class Imported:
    """Spares the garbage collector what is imported: to look through it takes half a second."""

    modules = 0

    @classmethod
    def set_aside(cls):
        if len(sys.modules) > cls.modules + 100:
            cls.modules = len(sys.modules)
            gc.collect()
            gc.freeze()


def pytest_collection_finish():
    Imported.set_aside()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item, nextitem):
    if nextitem is None or nextitem.path != item.path:  # else a fixture may hold much
        Imported.set_aside()


def pytest_collection_modifyitems(items):
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("cuda") is not None:
            item.add_marker(pytest.mark.skip(reason="no CUDA device on this machine"))


@pytest.fixture(autouse=True)
def fresh_state(request):
    """Each test begins with an empty parameter store and the same random numbers."""
    pyro.clear_param_store()
    seed = request.config.getoption("--seed")
    # What `torch.manual_seed` does; it notes the stack for each kind of device that is not in use.
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)


@pytest.fixture(autouse=True)
def nothing_stored(monkeypatch):
    """Compiles what a test compiles, whatever an earlier run has left in torch's cache on disk."""
    monkeypatch.setattr("pyrovae.compilation.stored.Stored.load", lambda self: None)


@pytest.fixture
def only_decomposed(monkeypatch):
    """Runs as torch operations what inductor would compile, which takes seconds a graph."""
    monkeypatch.setattr(torch._inductor, "compile", lambda graph, inputs, options=None: graph)
    # Torch notes the stack at each operation that it traces, for half of the time that it takes.
    monkeypatch.setattr(sys, "tracebacklimit", 1, raising=False)


@pytest.fixture
def only_traced(only_decomposed, monkeypatch):
    """Runs the traced graph itself: to trace it once more for inductor takes as long again."""
    once = "pyrovae.compilation.inductor.make_fx"
    monkeypatch.setattr(once, lambda graph, **options: lambda *inputs: graph)
