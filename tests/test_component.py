"""What a component remembers of how it was made."""

import copy
import multiprocessing
import pickle
from typing import NamedTuple

import pytest
import torch
from tiny import grey_data, tiny_vae
from torch import Tensor, nn

from pyrovae.component import Component
from pyrovae.nn import MLP
from pyrovae.priors import NormalPrior


class Part(Component):
    def __init__(self, a, b=2, *, c=3, **more):
        super().__init__()


class Child(Part):
    def __init__(self, x, y=1):
        super().__init__(x, c=y)


class Grandchild(Child):
    pass


class Many(Component):
    def __init__(self, first, *rest):
        super().__init__()


class Bare(Component):
    pass


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (Part(1), {"a": 1}),
        (Part(1, 5), {"a": 1, "b": 5}),
        (Part(b=5, a=1), {"a": 1, "b": 5}),
        (Part(1, c=None), {"a": 1, "c": None}),
        (Part(1, d=4, e="e"), {"a": 1, "d": 4, "e": "e"}),
        # A default that is given is an argument that was given.
        (Part(1, 2), {"a": 1, "b": 2}),
        (Child(7), {"x": 7}),
        (Grandchild(7, y=8), {"x": 7, "y": 8}),
        (Many(1, 2, 3), {"first": 1, "rest": (2, 3)}),
        (Many(1), {"first": 1}),
        (Bare(), {}),
    ],
)
def test_the_arguments_are_recorded_by_name(part, expected):
    assert part.init_args == expected


def test_the_arguments_are_known_before_init_ends():
    seen = []

    class Early(Component):
        def __init__(self, a):
            super().__init__()
            seen.append(dict(self.init_args))

    Early(1)
    assert seen == [{"a": 1}]


def test_missing_and_unknown_arguments_are_for_python_to_complain_about():
    with pytest.raises(TypeError, match="missing"):
        Part()
    with pytest.raises(TypeError, match="unexpected|multiple"):
        NormalPrior(2, nonsense=1)


@pytest.mark.parametrize(
    "tensor", [torch.ones(3, 2), torch.zeros(4, dtype=torch.uint8), nn.Parameter(torch.ones(2))]
)
def test_of_tensors_only_shape_and_type_are_kept(tensor):
    for part in (Part(tensor), Part([tensor]), Part({"t": (tensor,)})):
        (kept,) = flat_tensors(part.init_args)
        assert kept.device.type == "meta"
        assert kept.shape == tensor.shape
        assert kept.dtype == tensor.dtype
        assert not kept.requires_grad


def flat_tensors(value):
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return (
        [t for item in value for t in flat_tensors(item)]
        if isinstance(value, list | tuple)
        else []
    )


def test_what_the_caller_does_to_an_argument_afterwards_changes_no_record():
    hidden, options = [3], {"a": [1]}
    network, part = MLP(4, hidden, 2), Part(options)
    hidden.append(9)
    options["a"].append(2)
    assert network.init_args["hidden"] == [3]
    assert part.init_args == {"a": {"a": [1]}}


def test_named_tuples_stay_what_they_are():
    class Pair(NamedTuple):
        x: int
        y: int

    assert Part(Pair(1, 2)).init_args["a"].y == 2


def through_pickle(model):
    return pickle.loads(pickle.dumps(model))


@pytest.mark.parametrize("duplicate", [copy.deepcopy, through_pickle])
@pytest.mark.parametrize("vamp", [False, True])
def test_a_copy_refers_to_its_own_parts(duplicate, vamp):
    vae = tiny_vae(vamp=vamp)
    twin = duplicate(vae)
    assert list(twin.init_args) == ["prior", "posterior", "likelihood"]
    for name, part in twin.init_args.items():
        assert part is getattr(twin, name)
        assert part is not vae.init_args[name]
    assert twin.posterior.init_args["network"] is twin.posterior.network
    assert twin.posterior.network.init_args == vae.posterior.network.init_args
    if vamp:
        assert twin.prior.init_args["posterior"] is twin.posterior
        assert twin.prior.init_args["pseudo_inputs"].shape == (7, 4)


def _outputs(model, x, queue):
    queue.put((model.encode(x).tolist(), sorted(model.init_args)))


def test_a_model_goes_to_another_process():
    vae = tiny_vae(vamp=True)
    x = grey_data(3)
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    # Tensors travel through shared memory there; pickled parameters are enough for this test.
    process = context.Process(target=_run_pickled, args=(pickle.dumps(vae), x.tolist(), queue))
    process.start()
    codes, names = queue.get(timeout=120)
    process.join()
    assert codes == vae.encode(x).tolist()
    assert names == ["likelihood", "posterior", "prior"]


def _run_pickled(model, x, queue):
    _outputs(pickle.loads(model), torch.tensor(x), queue)


def test_the_printed_form_shows_the_plain_arguments():
    text = repr(Part(1, torch.ones(3), c="c", d=nn.Identity()))
    assert "a=1" in text
    assert "c='c'" in text
    assert "tensor" not in text
    assert "Identity" not in text


def test_the_device_is_that_of_parameters_or_buffers_or_the_cpu():
    assert Bare().device == torch.device("cpu")
    assert MLP(2, [], 2).to("meta").device == torch.device("meta")
    assert NormalPrior(2).to("meta").device == torch.device("meta")
