"""Captured draws are the uncaptured ones."""

import pytest
from recorded import record
from tiny import binary_data, tiny_vae

from pyrovae import evaluate


@pytest.mark.usefixtures("only_traced")
def test_captured_draws_are_the_uncaptured_ones(monkeypatch):
    vae, captures, reports = tiny_vae(), [], []

    def noted(work):
        captures.append(work)
        return record(work)

    for capture in (None, noted):
        monkeypatch.setattr(
            "pyrovae.compilation.captured.capture_for", lambda device, capture=capture: capture
        )
        reports.append(evaluate(vae, binary_data(12), samples=6, compile=True))
    assert captures
    assert reports[0].log_likelihood.value == reports[1].log_likelihood.value
    assert reports[0].elbo == reports[1].elbo
