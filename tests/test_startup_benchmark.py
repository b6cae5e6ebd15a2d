"""The benchmark of start-up measures a step that was compiled."""

import pytest
import torch

from benchmarks.startup import first_step


@pytest.mark.usefixtures("only_traced")
def test_the_first_step_is_a_compiled_one():
    assert first_step() > 0


@pytest.mark.filterwarnings("ignore:the loop continues uncompiled")
def test_a_step_that_goes_on_uncompiled_is_not_measured(monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("No working C++ compiler found in cpp.cxx: (None, 'g++')")

    monkeypatch.setattr(torch._inductor, "compile", fail)
    with pytest.raises(AssertionError):
        first_step()
