"""What the tests of files that mean harm share: each leaves no trace, soon and within bounds."""

import os
import resource
import signal
import subprocess
import sys

import pytest
from tiny import tiny_vae

from pyrovae import checkpoint, load

SECONDS = 30  # of a busy machine; what expands without end would take years
MOST_MEMORY = 700 * 1024  # KiB, above what the process had before


@pytest.fixture
def no_trace(tmp_path, monkeypatch):
    """Fails a test that runs a command, imports what it should not, takes long or much memory."""
    ran = []
    for module, name in ((os, "system"), (subprocess, "Popen"), (os, "popen")):
        monkeypatch.setattr(module, name, lambda *args, **kwargs: ran.append(args))
    monkeypatch.chdir(tmp_path)
    harm = tmp_path / "harm.py"
    harm.write_text("open('owned', 'w').close()\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def late(*_):
        raise TimeoutError("it took too long")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert ran == []
    assert not (tmp_path / "owned").exists()
    assert "harm" not in sys.modules
    assert after - before < MOST_MEMORY


def refused(path, allow=()):
    with pytest.raises(ValueError, match=path.name) as caught:
        load(path, allow=allow)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 2000


def attempt(path):
    try:
        return load(path), ""
    except ValueError as error:
        return None, str(error)


def content():
    vae = tiny_vae(vamp=True)
    return {
        "format": checkpoint.FORMAT,
        "components": checkpoint.describe(vae),
        "state_dict": dict(vae.state_dict()),
        "training": None,
        "notes": {},
    }


def entry(class_path, **init_args):
    return {"class_path": class_path, "init_args": init_args}
