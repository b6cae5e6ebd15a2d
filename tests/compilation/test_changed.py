"""What a compiled program has frozen is seen when it is another: while it runs, and when it is kept."""

import gc
import weakref

import pytest
import torch
from torch import nn

from pyrovae.compilation import CompiledFunction, Keeping, half_twice
from pyrovae.compilation.code import read_by_code
from pyrovae.compilation.identity import Identity

pytestmark = pytest.mark.usefixtures("only_traced")
# Only the second half is above the limits that the changes set: no comparison sees it.
X = torch.tensor([0.5, 0.5, 20.0, 20.0]).unsqueeze(1)
LIMIT = 100.0
TABLE = torch.full((), 100.0)
BOX = torch.full((), 100.0).numpy()
act = torch.tanh


def squash(h):
    return h.clamp(max=LIMIT)


def squash_more(h):
    return h.clamp(max=5.0)


class Settings:
    limit = 100.0


SETTINGS = Settings()


def closing(limit):
    return lambda h: h.clamp(max=limit["max"])


class Net(nn.Module):
    limit = 100.0
    closed = staticmethod(closing({"max": 100.0}))

    def __init__(self):
        super().__init__()
        self.function, self.tensor, self.listed = torch.abs, torch.ones(()), [torch.ones(())]
        self.box, self.part = torch.full((), 100.0).numpy(), nn.Identity()
        self.weight = nn.Parameter(torch.ones(1))
        self.register_buffer("scale", torch.ones(1))
        self.register_buffer("nothing", None)

    def forward(self, x):
        h = self.part(self.function(x)) * self.weight * self.scale
        h = self.closed(squash(h)).clamp(max=self.limit).clamp(max=SETTINGS.limit)
        h = torch.minimum(torch.minimum(h, TABLE), torch.tensor(float(min(self.box, BOX))))
        return act(h / 1e6) * self.tensor * self.listed[0]


def compiled(net, **options):
    def function(leaves, batch):
        return [net(*batch)]

    return CompiledFunction(net, function, (X,), half_twice((X,)), names=["y"], **options)


def limited(net):
    return net.part.register_forward_hook(lambda part, args, h: h.clamp(max=5.0))


OF_OBJECTS = {
    "a function": lambda net: setattr(net, "function", nn.functional.relu6),
    "a method of an object": lambda net: setattr(net, "forward", lambda x: x),
    "a tensor": lambda net: setattr(net, "tensor", torch.zeros(())),
    "a tensor in a list": lambda net: net.listed.__setitem__(0, torch.zeros(())),
    "a list with a tensor": lambda net: setattr(net, "listed", [torch.zeros(())]),
    "a parameter": lambda net: setattr(net, "weight", nn.Parameter(torch.ones(1))),
    "a buffer's type": lambda net: setattr(net, "scale", torch.ones(1, dtype=torch.float64)),
    "a buffer's shape": lambda net: setattr(net, "scale", torch.ones(4, 1)),
    "a buffer where none was": lambda net: setattr(net, "nothing", torch.ones(1)),
}
OF_MODES = {
    "a hook": limited,
    "a class": lambda net: setattr(net, "__class__", type("Other", (Net,), {})),
    "a hook of a gradient": lambda net: net.weight.register_hook(lambda gradient: 2 * gradient),
}


@pytest.mark.parametrize("change", OF_OBJECTS.values(), ids=OF_OBJECTS)
def test_what_is_replaced_is_named_for_as_long_as_the_program_is_there(change):
    net = Net()
    program = compiled(net)
    assert program.changed() == []
    net.scale = torch.full((1,), 2.0)  # another buffer of the same form is read
    assert program.changed() == []
    torch.testing.assert_close(program((X,))[0], net(X).detach())
    change(net)
    said = program.changed()
    assert len(said) == 1
    assert program.changed() == said  # whoever asks next hears of it too


@pytest.mark.parametrize("change", OF_MODES.values(), ids=OF_MODES)
def test_a_program_fits_the_classes_and_hooks_that_it_was_made_with(change):
    net = Net()
    program = compiled(net)
    assert program.fits((X,))
    change(net)
    assert not program.fits((X,))


def test_hooks_of_a_gradient_are_part_of_the_program():
    net = Net()
    net.weight.register_hook(lambda gradient: 3 * gradient)

    def function(leaves, batch):
        (net.weight * batch[0]).sum().backward()
        return [leaf.grad for leaf in leaves]

    program = CompiledFunction(net, function, (X,), half_twice((X,)), names=["gradient"])
    assert program((X,))[0].item() == 3 * X.sum()


def of_module(name, value):
    return lambda net, monkeypatch: monkeypatch.setitem(globals(), name, value)


def of_class(kind, name, value):
    return lambda net, monkeypatch: monkeypatch.setattr(kind, name, value)


OF_CODE = {
    "a global number": of_module("LIMIT", 5.0),
    "a global function": of_module("squash", squash_more),
    "a function of torch's": of_module("act", lambda h: torch.tanh(h.clamp(max=5e-6))),
    "a global tensor": of_module("TABLE", torch.full((), 5.0)),
    "a global array": of_module("BOX", torch.full((), 5.0).numpy()),
    "a global object's number": lambda net, patch: patch.setattr(SETTINGS, "limit", 5.0),
    "a global object's class": of_class(Settings, "limit", 5.0),
    "a number of the class": of_class(Net, "limit", 5.0),
    "a function of the class": of_class(Net, "closed", staticmethod(closing({"max": 5.0}))),
    "what is closed over": lambda net, patch: patch.setitem(
        Net.closed.__closure__[0].cell_contents, "max", 5.0
    ),
    "a method": of_class(Net, "forward", lambda self, x: x.clamp(max=5.0)),
    "an array": lambda net, patch: net.box.fill(5.0),
    "a hook": lambda net, patch: limited(net),
    "a hook of all modules": lambda net, patch: patch.setitem(
        torch.nn.modules.module._global_forward_hooks,
        -1,
        lambda module, inputs, out: 5 * out if module is net else None,
    ),
}


@pytest.mark.parametrize("change", OF_CODE.values(), ids=OF_CODE)
def test_a_kept_program_serves_the_code_that_it_was_made_of(change, monkeypatch):
    net, made = Net(), []
    trace = CompiledFunction._trace
    monkeypatch.setattr(
        CompiledFunction, "_trace", lambda self, batch: made.append(1) or trace(self, batch)
    )
    compiled(net, keeping=Keeping(net, "net"))
    compiled(net, keeping=Keeping(net, "net"))
    assert len(made) == 1
    before = net(X).detach()
    change(net, monkeypatch)
    program = compiled(net, keeping=Keeping(net, "net"))
    assert len(made) == 2
    torch.testing.assert_close(program((X,))[0], net(X).detach())
    assert not torch.equal(net(X), before)  # it matters


def test_what_code_reads_is_held_by_nothing_else():
    def of(held):
        return lambda x: held.limit * x

    held = Settings()
    function = of(held)
    read = read_by_code([("function", function)])
    assert 100.0 in read.values()
    gone = weakref.ref(held), weakref.ref(function)
    del held, function
    gc.collect()
    assert [ref() for ref in gone] == [None, None]


def test_functions_are_the_same_by_identity_or_by_code():
    def adding(number):
        return lambda x: x + number

    def plain():
        return lambda x: x

    one, other = adding(1), adding(2)
    assert Identity(one) == Identity(one) != Identity(other)
    assert Identity(plain()) == Identity(plain()) != Identity(lambda x: 2 * x)
    assert Identity(torch.exp) == Identity(torch.exp) != Identity(torch.sin)
    gone = Identity(adding(3))
    gc.collect()
    assert gone != Identity(adding(3))
