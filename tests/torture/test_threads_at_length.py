"""Threads that train and ask at once, many times over."""

import pyro
import pytest
import torch
from test_threads import together
from tiny import binary_data, same, state, tiny_vae

from pyrovae import evaluate, fit

TIMES = 100


@pytest.mark.parametrize("times", [3, pytest.param(TIMES, marks=pytest.mark.torture)])
def test_of_two_trainings_one_is_refused_or_both_are_right(times):
    data = binary_data(40)
    alone = tiny_vae()
    fit(alone, data, epochs=5, progress=False)
    random = torch.get_rng_state()

    for _ in range(times):
        models = [tiny_vae() for _ in range(2)]

        def train(i, models=models):
            try:
                fit(models[i], data, epochs=5, progress=False)
            except RuntimeError as error:
                return str(error)
            return same(state(models[i]), state(alone))

        outcomes = together(train, n=2)
        assert True in outcomes
        assert all(o is True or "another thread is training" in str(o) for o in outcomes)
        assert torch.get_rng_state().equal(random)
        assert dict(pyro.get_param_store().items()) == {}
        assert torch.distributions.Distribution._validate_args


@pytest.mark.parametrize("times", [3, pytest.param(TIMES, marks=pytest.mark.torture)])
def test_eight_threads_that_ask_are_answered_right(times):
    vae, x = tiny_vae(vamp=True), binary_data(40)
    codes, report = vae.encode(x), evaluate(vae, x, samples=5)
    for _ in range(times):
        answers = together(
            lambda i: (
                vae.encode(x).equal(codes) if i % 2 else evaluate(vae, x, samples=5) == report
            )
        )
        assert answers == [True] * 8
