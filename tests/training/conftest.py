import pytest
import torch


@pytest.fixture
def only_traced(monkeypatch):
    """Runs the traced graph itself, as torch operations: inductor takes seconds a graph."""
    monkeypatch.setattr(torch._inductor, "compile", lambda graph, inputs, options=None: graph)
