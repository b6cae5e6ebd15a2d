"""What threads may do at once: queries wait for each other, and nothing waits for training."""

import asyncio
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor

import pyro
import pytest
import torch
from pyro import poutine
from tiny import binary_data, same, state, tiny_vae
from torch.utils.data import DataLoader, TensorDataset

from pyrovae import VAE, evaluate, fit, load, plots, save
from pyrovae.datasets import as_split
from pyrovae.evaluation import log_likelihood
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import DistributionPrior, NormalPrior
from pyrovae.stage import on_stage
from pyrovae.training import Callback

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


def asked_elsewhere(call):
    """What a call in another thread raises, or gives."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).exception()


def test_what_draws_random_numbers_elsewhere_is_refused_while_one_trains(tmp_path):
    """A model that another thread makes or loads would take the numbers that training is to draw."""
    data, path = binary_data(40), tmp_path / "vae.pt"
    save(tiny_vae(), path)
    alone = tiny_vae()
    fit(alone, data, epochs=3, progress=False)
    calls = [
        lambda: load(path),
        lambda: tiny_vae(seed=2),
        lambda: MLP(4, [3], 4),
        lambda: DistributionPrior(2, family="Laplace"),
        lambda: as_split(DataLoader(data, batch_size=5, shuffle=True)),
        lambda: plots.samples(first, n=4),
    ]
    answers = []

    def other(row):
        answers.extend(map(asked_elsewhere, calls))
        tiny_vae(seed=3)  # the training thread itself may

    first = tiny_vae()
    fit(first, data, epochs=3, progress=False, on_epoch=other)
    assert len(answers) == 3 * len(calls)
    assert {type(answer) for answer in answers} == {RuntimeError}
    assert all("another thread is training" in str(answer) for answer in answers)
    assert same(state(first), state(alone))
    assert list(map(asked_elsewhere, calls)) == [None] * len(calls)


def test_threads_that_make_their_models_and_train_them_at_once():
    data = binary_data(40)
    alone = tiny_vae()
    fit(alone, data, epochs=10, progress=False)

    def train(i):
        try:
            # Not `tiny_vae`, which seeds the generator of the whole process itself.
            posterior = NormalPosterior(MLP(4, [3], 4))
            vae = VAE(NormalPrior(2), posterior, BernoulliLikelihood(MLP(2, [], 4)))
            vae.load_state_dict(start)
            fit(vae, data, epochs=10, progress=False)
        except RuntimeError as error:
            return "another thread is training" in str(error)
        return same(state(vae), state(alone))

    start = tiny_vae().state_dict()
    for _ in range(3):
        assert together(train, n=4) == [True] * 4


class Fails(Callback):
    """Raises in the middle of an epoch."""

    def on_step(self, training, loss):
        if training.step == 3:
            raise ZeroDivisionError


def test_all_is_given_back_where_a_thread_fails():
    data, vae = binary_data(40), tiny_vae()
    random, flag = torch.get_rng_state(), torch.distributions.Distribution._validate_args
    for call in (
        lambda: fit(vae, data, batch_size=5, progress=False, callbacks=[Fails()]),
        lambda: fit(vae, data, progress=False, objective="elbo"),
        lambda: vae.encode(data[:, :2]),
    ):
        assert isinstance(asked_elsewhere(call), ZeroDivisionError | ValueError)
    assert torch.get_rng_state().equal(random)
    assert torch.distributions.Distribution._validate_args == flag
    assert dict(pyro.get_param_store().items()) == {}
    assert pyro.poutine.runtime._PYRO_STACK == []
    fit(vae, data, epochs=1, progress=False)
    assert vae.encode(data).shape == (40, 2)


def test_training_in_the_background_of_an_event_loop():
    data, vae, other = binary_data(40), tiny_vae(), tiny_vae(seed=1)
    expected = other.encode(data)

    async def serve():
        training = asyncio.to_thread(fit, vae, data, epochs=2, progress=False)
        history = await training
        answers = [asyncio.to_thread(other.encode, data) for _ in range(4)]
        return history, await asyncio.gather(*answers)

    history, answers = asyncio.run(serve())
    assert len(history) == 2
    assert all(answer.equal(expected) for answer in answers)


@pytest.mark.parametrize(
    "handler",
    [
        poutine.trace(),
        poutine.block(),
        poutine.condition(data={"z": torch.zeros(2)}),
        poutine.scale(scale=0.5),
        pyro.plate("outer", 3, dim=-3),
    ],
    ids=lambda handler: type(handler).__name__,
)
def test_training_within_a_handler_is_refused(handler):
    vae, data = tiny_vae(), binary_data(12)
    before = state(vae)
    with handler, pytest.raises(RuntimeError, match="expected no effect handler around training"):
        fit(vae, data, epochs=1, progress=False)
    assert same(state(vae), before)
    fit(vae, data, epochs=1, progress=False)


# Spawned, each reader imports torch anew.
@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.torture)])
def test_processes_that_read_the_data(method):
    """Of a run in a thread, too."""
    data = TensorDataset(binary_data(20))
    loader = DataLoader(data, batch_size=5, num_workers=1, multiprocessing_context=method)
    here, there = tiny_vae(), tiny_vae()
    fit(here, loader, epochs=1, progress=False)
    assert asked_elsewhere(lambda: fit(there, loader, epochs=1, progress=False)) is None
    assert same(state(here), state(there))
