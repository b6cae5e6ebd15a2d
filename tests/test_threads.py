"""What threads may do at once: queries wait for each other, and nothing waits for training."""

import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

import pyro
import pytest
import torch
from tiny import binary_data, same, state, tiny_vae

from pyrovae import evaluate, fit
from pyrovae.evaluation import log_likelihood
from pyrovae.stage import on_stage

THREADS = 8


def together(call, n=THREADS):
    """Calls a function in as many threads, all at once, and gives what they returned."""
    start = threading.Barrier(n)

    def run(i):
        start.wait()
        return call(i)

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(run, range(n)))


def test_threads_that_ask_one_model_get_the_right_answers():
    vae, x = tiny_vae(vamp=True), binary_data(40)
    vae.train()
    expected = vae.encode(x)
    for _ in range(5):
        for found in together(lambda i: vae.encode(x)):
            assert found.equal(expected)
    assert all(module.training for module in vae.modules())


def test_threads_that_ask_different_things():
    vae, x = tiny_vae(), binary_data(40)
    report = evaluate(vae, x, samples=20)
    each = log_likelihood(vae, x, samples=20, per_datum=True)
    calls = [
        lambda: vae.sample(3).shape == (3, 4),
        lambda: vae.reconstruct(x).equal(vae.decode(vae.encode(x)).mean),
        lambda: evaluate(vae, x, samples=20) == report,
        lambda: log_likelihood(vae, x, samples=20, per_datum=True).value.equal(each.value),
    ]
    assert together(lambda i: calls[i % len(calls)]()) == [True] * THREADS


def test_a_second_training_is_refused_and_the_first_goes_on():
    data = binary_data(40)
    alone = tiny_vae()
    fit(alone, data, epochs=3, progress=False)
    first, second = tiny_vae(), tiny_vae(seed=1)
    before, refused = state(second), []

    def other(row):
        def ask():
            for call in (
                lambda: fit(second, data, epochs=1, progress=False),
                lambda: first.encode(data),
                lambda: evaluate(first, data, samples=2),
            ):
                with pytest.raises(RuntimeError, match="another thread is training") as caught:
                    call()
                refused.append(caught.value)

        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
        first.encode(data)  # the training thread itself may ask

    random = torch.get_rng_state()
    fit(first, data, epochs=3, progress=False, on_epoch=other)
    assert len(refused) == 9
    assert same(state(first), state(alone))
    assert same(state(second), before)
    # All is given back: another thread may train now.
    assert torch.get_rng_state().equal(random)
    assert dict(pyro.get_param_store().items()) == {}
    together(lambda i: fit(second, data, epochs=1, progress=False), n=1)


def test_of_trainings_that_begin_at_once_one_goes_on():
    data = binary_data(40)
    alone = tiny_vae()
    fit(alone, data, epochs=20, progress=False)
    models = [tiny_vae() for _ in range(4)]  # which draw their first weights from the generators

    def train(i):
        vae = models[i]
        try:
            fit(vae, data, epochs=20, progress=False)
        except RuntimeError as error:
            return str(error)
        return same(state(vae), state(alone))

    outcomes = together(train, n=4)
    # Those that came when the first had ended were trained, too, and as if alone.
    assert True in outcomes
    assert all(o is True or "another thread is training" in str(o) for o in outcomes)
    assert torch.distributions.Distribution._validate_args


def _encode(vae, x, queue):
    queue.put(vae.encode(x).tolist())


def test_a_process_forked_while_another_thread_asks_can_ask_too():
    vae, x = tiny_vae(), binary_data(5)
    expected = vae.encode(x).tolist()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    process = context.Process(target=_encode, args=(vae, x, queue))
    held, done = threading.Event(), threading.Event()

    def hold():
        with on_stage():
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    process.start()
    try:
        assert queue.get(timeout=60) == expected
    finally:
        done.set()
        thread.join()
        process.join(60)
