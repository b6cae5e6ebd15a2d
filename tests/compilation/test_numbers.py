"""Numbers in attributes: found wherever they are reached, and compared."""

import functools
import math
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_vae
from torch import nn

from pyrovae.compilation.numbers import Numbers
from pyrovae.handlers import ScaleLatents
from pyrovae.objectives import BetaELBO, CapacityELBO, ImportanceWeightedELBO
from pyrovae.schedules import LinearWarmup


class Holder:
    def __init__(self, value=1.0):
        self.value = value


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = 1.0
        self.layer = nn.Dropout(0.5)
        self.register_buffer("kept", torch.zeros(()))


def nested():
    """A root, and for each way of reaching a number a change of it."""
    net, holder = Net(), Holder()
    net.holder = holder
    net.listed = [1, [Holder()]]
    net.mapped = {"a": {"b": 2}}
    net.fixed = (Holder(), 3)
    net.method = Holder(Holder()).value.__init__
    net.part = functools.partial(len, Holder(), key=Holder())
    net.chosen = {1, 2}
    net.name = "relu"
    return net


CHANGES = {
    "an attribute": (lambda net: setattr(net, "scale", 2.0), "net.scale was 1.0 and is 2.0"),
    "of a submodule": (lambda net: setattr(net.layer, "p", 0.1), "net.layer.p was 0.5 and is 0.1"),
    "of an object": (
        lambda net: setattr(net.holder, "value", 5),
        "net.holder.value was 1.0 and is 5",
    ),
    "in a list": (lambda net: net.listed.__setitem__(0, 7), "net.listed[0] was 1 and is 7"),
    "in an object in a list": (
        lambda net: setattr(net.listed[1][0], "value", 2.0),
        "net.listed[1][0].value was 1.0 and is 2.0",
    ),
    "in a dict": (
        lambda net: net.mapped["a"].update(b=3),
        "net.mapped['a']['b'] was 2 and is 3",
    ),
    "a key": (lambda net: net.mapped.update(c=1), "net.mapped['c'] was not set and is 1"),
    "a key that goes": (
        lambda net: net.mapped.pop("a"),
        "net.mapped['a']['b'] was 2 and is not set",
    ),
    "in an object in a tuple": (
        lambda net: setattr(net.fixed[0], "value", None),
        "net.fixed[0].value was 1.0 and is None",
    ),
    "of a bound method's object": (
        lambda net: setattr(net.method.__self__, "value", -1.0),
        "net.method.value was 1.0 and is -1.0",
    ),
    "in a partial function": (
        lambda net: setattr(net.part.args[0], "value", 2.0),
        "net.part.args[0].value was 1.0 and is 2.0",
    ),
    "in a partial function's keyword": (
        lambda net: setattr(net.part.keywords["key"], "value", 2.0),
        "net.part.keywords['key'].value was 1.0 and is 2.0",
    ),
    "a set": (lambda net: net.chosen.add(3), "net.chosen was frozenset({1, 2}) and is"),
    "text": (lambda net: setattr(net, "name", "tanh"), "net.name was 'relu' and is 'tanh'"),
    "NaN": (lambda net: setattr(net, "scale", math.nan), "net.scale was 1.0 and is nan"),
    "another part": (
        lambda net: setattr(net, "layer", nn.Dropout(0.2)),
        "net.layer.p was 0.5 and is 0.2",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_seen_once_and_named(name):
    change, expected = CHANGES[name]
    net = nested()
    numbers = Numbers(net=net)
    assert numbers.changed() == []
    change(net)
    (said,) = numbers.changed()
    assert said.startswith(expected)
    assert numbers.changed() == []


@given(st.one_of(st.floats(), st.integers(), st.booleans(), st.text(), st.none()))
def test_an_equal_value_is_no_change_and_another_is(value):
    net = Net()
    net.scale = value
    numbers = Numbers(net=net)
    net.scale = {"value": value}["value"]
    assert numbers.changed() == []
    net.scale = [value]
    assert numbers.changed()


def test_what_is_no_number_may_change():
    net = nested()
    numbers = Numbers(net=net)
    net.kept = torch.ones(())
    net.train(not net.training)
    net.register_forward_hook(lambda *a: None)
    net.last = torch.zeros(3)  # a result, stashed
    net.holder.value = 1.0
    net.holder = Holder(1.0)  # as before
    assert numbers.changed() == []


def test_objects_that_hold_each_other():
    a, b = Holder(), Holder()
    a.other, b.other = b, a
    numbers = Numbers(a=a)
    b.value = 2.0
    assert numbers.changed() == ["a.other.value was 1.0 and is 2.0"]


def test_objectives_handlers_and_models():
    vae = tiny_vae()
    objective = BetaELBO(elbo=ImportanceWeightedELBO(num_particles=3))
    weight = ScaleLatents(0.5)
    numbers = Numbers(model=vae.model, objective=objective, beta=weight)
    objective.beta = 2.0  # in a tensor, which a graph reads anew
    assert numbers.changed() == []
    objective.elbo.num_particles = 4
    assert numbers.changed() == ["objective.elbo.num_particles was 3 and is 4"]
    weight.factor = 1.0
    assert numbers.changed() == ["beta.factor was 0.5 and is 1.0"]
    vae.prior.scale = 1.0
    assert numbers.changed() == ["model.prior.scale was not set and is 1.0"]


def test_a_librarys_schedule_moves_no_number():
    objective = CapacityELBO(capacity=LinearWarmup(4, end=8.0))
    numbers = Numbers(objective=objective)
    objective.advance(2.0)
    assert numbers.changed() == []
    assert float(objective.capacity) == 4.0


def test_numbers_are_given_back_where_a_block_fails():
    net = nested()
    numbers = Numbers(net=net)

    def fail():
        with numbers.kept():
            net.scale, net.listed[0], net.layer.p = 9.0, 9, 0.9
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (net.scale, net.listed[0], net.layer.p) == (1.0, 1, 0.5)
    with numbers.kept():
        net.scale = 9.0
    assert net.scale == 9.0


@dataclass(slots=True)
class Slotted:
    __private: float = 1.0
    held: object = None

    def move(self):
        self.__private = 2.0


def of_arrays():
    holder = Holder(np.ones(5))
    holder.listed, holder.slotted = [np.ones(3), 1], Slotted(held=np.zeros(2))
    holder.queue, holder.fixed = deque([1.0, np.ones(2)]), (np.ones(2),)
    holder.number, holder.fraction = np.float32(2), Fraction(1, 3)
    return holder


CHANGES_OF_ARRAYS = {
    ".value": lambda h: h.value.__setitem__(0, 2.0),
    ".value: another": lambda h: setattr(h, "value", np.zeros(5)),
    ".listed[0]": lambda h: h.listed.__setitem__(0, np.zeros(3)),
    ".slotted.held": lambda h: h.slotted.held.__setitem__(0, 4.0),
    ".slotted.held: another": lambda h: setattr(h.slotted, "held", np.ones(2)),
    ".slotted._Slotted__private": lambda h: h.slotted.move(),
    ".queue[1]": lambda h: h.queue[1].__setitem__(0, 5.0),
    ".queue[2]": lambda h: h.queue.append(3.0),
    ".fixed[0]": lambda h: h.fixed[0].__setitem__(0, 9.0),
    ".number": lambda h: setattr(h, "number", np.float32(3)),
    ".fraction": lambda h: setattr(h, "fraction", Fraction(2, 3)),
}


@pytest.mark.parametrize("name", CHANGES_OF_ARRAYS)
def test_arrays_slots_and_other_numbers(name):
    holder = of_arrays()
    numbers = Numbers(root=holder)
    assert numbers._is_same()  # at a look, without walking through all of it
    CHANGES_OF_ARRAYS[name](holder)
    (said,) = numbers.changed()
    assert said.startswith(f"root{name.partition(':')[0]} ")
    assert numbers.changed() == []
    assert numbers._is_same()


def test_a_path_that_was_asked_for_its_text_is_the_same():
    holder = Holder(Path("a") / "b")
    numbers = Numbers(root=holder)
    assert hash(holder.value) == hash(Path("a/b"))
    assert numbers.changed() == []
    holder.value = Path("c")
    (said,) = numbers.changed()
    assert said.startswith("root.value was ")


def test_a_large_array_is_data_and_is_to_be_the_same_one():
    holder = Holder(np.zeros(100_000))
    numbers = Numbers(root=holder)
    holder.value[0] = 1.0
    assert numbers.changed() == []
    holder.value = np.zeros(100_000)
    assert numbers.changed() == ["root.value holds other numbers than it did"]
