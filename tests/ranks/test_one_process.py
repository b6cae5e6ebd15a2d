"""A process alone says nothing to anybody, also in a group of one."""

import pytest
import torch.distributed as dist
from rank_programs import rows, vae, weights

from pyrovae import evaluate, fit
from pyrovae.ranks import ALONE, present

MESSAGES = ("all_reduce", "broadcast", "all_gather_object", "broadcast_object_list", "new_group")


def run():
    model = vae()
    fit(model, rows(), epochs=2, batch_size=8, progress=False)
    return weights(model), evaluate(model, rows(), samples=5).elbo


@pytest.fixture
def silent(monkeypatch):
    """Lets no message of torch's pass."""
    for name in MESSAGES:
        monkeypatch.setattr(dist, name, lambda *a, name=name, **k: pytest.fail(name))
    monkeypatch.setattr("pyrovae.ranks.reduce._call", lambda group: pytest.fail("a step of ranks"))


@pytest.fixture
def of_one(tmp_path):
    """A process group that the program has made, of one process."""
    method = f"file://{tmp_path}/group"
    dist.init_process_group("gloo", init_method=method, rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("silent")
def test_without_a_launcher_nothing_is_started(monkeypatch):
    monkeypatch.setattr(dist, "init_process_group", lambda *a, **k: pytest.fail("a group"))
    run()
    assert present() is ALONE


def test_torchrun_with_one_process_starts_nothing(monkeypatch):
    told = {"RANK": 0, "WORLD_SIZE": 1, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": 1}
    for name, value in told.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(dist, "init_process_group", lambda *a, **k: pytest.fail("a group"))
    assert present() is ALONE


def test_a_group_of_one_changes_nothing(request):
    known = run()
    request.getfixturevalue("of_one")
    request.getfixturevalue("silent")
    assert present() is ALONE
    assert run() == known
