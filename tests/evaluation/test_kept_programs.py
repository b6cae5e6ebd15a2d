"""A program that evaluation has compiled serves the next call for the same model, and no other."""

import copy
import gc
import io
import pickle
import weakref

import pytest
import torch
from tiny import FEATURES, binary_data, tiny_vae
from torch import nn

from pyrovae import VAE, evaluate
from pyrovae.compilation import kept
from pyrovae.compilation.function import CompiledFunction
from pyrovae.evaluation import annealed_log_likelihood, bidirectional, score
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP, Network
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
SIZES = {"samples": 4, "batch_size": 10, "rows": 20}
STRENGTH = 1.0  # a number that no attribute holds


@pytest.fixture
def traces(monkeypatch):
    """What has been traced so far, one entry a trace."""
    found, trace = [], CompiledFunction._trace
    monkeypatch.setattr(
        CompiledFunction, "_trace", lambda self, batch: found.append(1) or trace(self, batch)
    )
    return found


class Scaled(Network):
    """A decoder with whatever a graph may keep: a number, a tensor, a function, a global number."""

    def __init__(self):
        super().__init__(2, FEATURES)
        self.layer = nn.Linear(2, FEATURES)
        self.number, self.tensor, self.function = 1.0, torch.ones(()), torch.tanh
        self.activation = nn.Identity()

    def transform(self, z):
        z = self.activation(self.function(z))
        return STRENGTH * self.number * self.tensor * self.layer(z)


def scaled_vae():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return VAE(
            NormalPrior(2),
            NormalPosterior(MLP(FEATURES, [3], 4)),
            BernoulliLikelihood(Scaled()),
        )


def elbos(vae, x):
    found = [evaluate(vae, x, compile=compile, **SIZES).elbo for compile in (True, False)]
    assert found[0] == pytest.approx(found[1], rel=1e-5)  # roundings of float32
    return found[0]


CHANGES = {
    "a number": lambda net: setattr(net, "number", 2.0),
    "another tensor": lambda net: setattr(net, "tensor", torch.full((), 2.0)),
    "a function": lambda net: setattr(net, "function", torch.exp),
    "a part": lambda net: setattr(net, "activation", nn.Tanh()),
    "a class": lambda net: setattr(net, "__class__", type("Other", (Scaled,), {})),
    "a parameter's type": lambda net: net.layer.double(),
    "what is trained": lambda net: net.layer.requires_grad_(False),
}


@pytest.mark.usefixtures("only_traced")
def test_the_next_call_traces_nothing_and_gives_the_same(traces):
    vae, x = scaled_vae(), binary_data(25)
    first = evaluate(vae, x, compile=True, **SIZES)
    assert len(traces) == 1
    again = evaluate(vae, x, compile=True, **SIZES)
    scores = score(vae, x, compile=True, **SIZES)
    assert len(traces) == 1
    assert first.elbo == again.elbo
    assert scores.elbo.mean().item() == pytest.approx(first.elbo, rel=1e-5)
    # Weights are inputs: those that training has moved are read.
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.mul_(1.5)
    assert elbos(vae, x) != first.elbo
    assert len(traces) == 1


@pytest.mark.usefixtures("only_traced")
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_has_changed_is_compiled_anew(traces, change):
    vae, x = scaled_vae(), binary_data(10)
    elbos(vae, x)
    if change is CHANGES["a parameter's type"]:
        vae.double()
    else:
        change(vae.likelihood.network)
    elbos(vae, x)
    assert len(traces) == 2


@pytest.mark.usefixtures("only_traced")
def test_a_number_that_no_attribute_holds_is_seen_by_the_comparison(traces, monkeypatch):
    vae, x = scaled_vae(), binary_data(10)
    before = elbos(vae, x)
    monkeypatch.setitem(globals(), "STRENGTH", 3.0)
    assert elbos(vae, x) != before
    assert len(traces) == 2


@pytest.mark.usefixtures("only_traced")
def test_other_sizes_and_settings_are_other_programs(traces):
    vae, x = scaled_vae(), binary_data(10)
    for samples, made in ((4, 1), (1, 2), (4, 2)):
        evaluate(vae, x, compile=True, **{**SIZES, "samples": samples})
        assert len(traces) == made
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        evaluate(vae, x, compile=True, **SIZES)
    finally:
        torch.set_num_threads(threads)
    assert len(traces) == 3
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        evaluate(vae, x, compile=True, **SIZES)
        assert len(traces) == 4
        torch.use_deterministic_algorithms(True)
        evaluate(vae, x, compile=True, **SIZES)
    finally:
        torch.use_deterministic_algorithms(False)
    assert len(traces) == 5


@pytest.mark.usefixtures("only_traced")
def test_a_model_has_nothing_of_its_programs_and_a_copy_has_none(traces):
    vae, x = scaled_vae(), binary_data(10)
    names, attributes = list(vae.state_dict()), {m: dict(vars(m)) for m in vae.modules()}
    pickled = len(pickle.dumps(vae))
    elbos(vae, x)
    assert list(vae.state_dict()) == names
    assert all(vars(m).keys() == before.keys() for m, before in attributes.items())
    assert len(pickle.dumps(vae)) == pickled
    buffer = io.BytesIO()
    torch.save(vae, buffer)
    buffer.seek(0)
    for made, other in ((2, copy.deepcopy(vae)), (3, torch.load(buffer, weights_only=False))):
        assert elbos(other, x) == elbos(vae, x)
        assert len(traces) == made


@pytest.mark.usefixtures("only_traced")
def test_programs_are_as_many_as_are_kept(traces):
    vae, x = scaled_vae(), binary_data(10)
    for number in range(kept.MOST + 2):
        vae.likelihood.network.number = 1.0 + number
        evaluate(vae, x, compile=True, **SIZES)
    assert len(kept._programs[vae]) == kept.MOST
    evaluate(vae, x, compile=True, **SIZES)  # the last one is there, the first is not
    assert len(traces) == kept.MOST + 2
    vae.likelihood.network.number = 1.0
    evaluate(vae, x, compile=True, **SIZES)
    assert len(traces) == kept.MOST + 3


def test_a_model_that_is_freed_frees_its_programs(traces):
    # Compiled in earnest: inductor holds on to nothing, either.
    vae, x = scaled_vae(), binary_data(10)
    vae.likelihood.network.owner = (vae,)  # a part that knows the whole
    elbos(vae, x)
    elbos(vae, x)
    assert len(traces) == 1
    program, model = weakref.ref(kept._programs[vae][0]), weakref.ref(vae)
    weight = weakref.ref(vae.likelihood.network.layer.weight)
    del vae
    gc.collect()
    assert [model(), program(), weight()] == [None] * 3


@pytest.mark.usefixtures("only_traced")
def test_a_wider_guide_and_annealing_are_compiled_once_too(traces):
    vae, x = tiny_vae(), binary_data(10)
    for made in (2, 2):  # the model's own guide, and the wider one
        evaluate(vae, x, compile=True, wider=1.5, **SIZES)
        assert len(traces) == made
    evaluate(vae, x, compile=True, wider=2.0, **SIZES)
    assert len(traces) == 3
    sizes = {"chains": 2, "temperatures": 2, "leapfrog_steps": 1, "rows": 20}
    for bound, made in ((annealed_log_likelihood, 4), (bidirectional, 5)):
        bound(vae, x, compile=True, **sizes)
        bound(vae, x, compile=True, **sizes)
        assert len(traces) == made
