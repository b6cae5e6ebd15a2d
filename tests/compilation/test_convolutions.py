"""Convolutions in other forms: the same results, in the same order in memory."""

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from pyrovae.compilation import convolutions
from pyrovae.compilation.convolutions import CONVOLUTIONS
from pyrovae.nn import ConvDecoder, ConvEncoder, ResidualDecoder

pytestmark = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="this build of torch has not oneDNN"
)

aten = torch.ops.aten


@pytest.fixture
def asked(monkeypatch):
    """What is asked which way is fastest, each way being tried; the answer is a given one."""
    cases = []

    def answer_with(answer):
        def fastest(case, ways, *, otherwise):
            results = [way() for way in ways.values()]
            # Sums of ones, which are whole numbers, small enough to be exact in any order.
            torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)
            cases.append(case)
            return answer

        monkeypatch.setattr(convolutions, "fastest", fastest)
        return cases

    return answer_with


def with_gradients(network, x):
    """A function that gives the network's output and all gradients, and its arguments."""
    names, values = zip(*network.named_parameters(), strict=True)

    def function(x, *values):
        leaves = [value.detach().requires_grad_() for value in (x, *values)]
        with torch.enable_grad():
            y = torch.func.functional_call(
                network, dict(zip(names, leaves[1:], strict=True)), (leaves[0],)
            )
            gradients = torch.autograd.grad(y.square().sum(), leaves)
        return [y.detach(), *gradients]

    return function, (x, *(value.detach() for value in values))


def rewritten(function, *inputs):
    return make_fx(function, decomposition_table=CONVOLUTIONS, tracing_mode="fake")(*inputs)


def called(graph, target):
    return [node for node in graph.graph.nodes if node.target is target]


NETWORKS = {
    "encoder": lambda: (ConvEncoder((1, 9, 8), 3, channels=[5, 6]), (1, 9, 8)),
    "decoder": lambda: (ConvDecoder(3, (1, 9, 8), channels=[6, 5]), (3,)),
    "decoder of three colours": lambda: (ConvDecoder(3, (3, 6, 7), channels=[6, 5]), (3,)),
    "decoder of volumes": lambda: (ConvDecoder(3, (1, 5, 4, 6), channels=[5]), (3,)),
    "residual decoder": lambda: (ResidualDecoder(3, (1, 8, 7), channels=[6, 5]), (3,)),
}


@pytest.mark.parametrize("answer", ["oneDNN", "products"])
@pytest.mark.parametrize("name", NETWORKS)
def test_networks_and_their_gradients_stay_the_same(name, answer, asked):
    asked(answer)
    network, shape = NETWORKS[name]()
    # The graph traced eagerly, as it is given to the compiler.
    function, inputs = with_gradients(network, torch.randn(4, *shape))
    graph = make_fx(function)(*inputs)
    for one, other in zip(rewritten(graph, *inputs)(*inputs), function(*inputs), strict=True):
        # Sums of some hundred products in another order, of which some cancel.
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4 * float(1 + other.abs().max()))


@pytest.mark.parametrize(
    ("shape", "kernel", "padding"),
    [
        ((3, 5, 7), (3,), (1,)),
        ((3, 5, 4, 6), (3, 3), (1, 1)),
        ((3, 5, 4, 6), (1, 3), (0, 2)),
        ((3, 5, 4, 6), (4, 2), (3, 1)),
        ((2, 5, 3, 4, 5), (3, 2, 1), (2, 0, 0)),
    ],
)
@pytest.mark.parametrize("n_out", [1, 3])
def test_products_are_the_convolution_and_its_gradient(shape, kernel, padding, n_out):
    x = torch.randn(shape, dtype=torch.float64)
    weight = torch.randn(n_out, shape[1], *kernel, dtype=torch.float64)
    ones, rest = [1] * len(kernel), (False, [0] * len(kernel), 1)
    y = aten.convolution(x, weight, None, ones, padding, ones, *rest)
    torch.testing.assert_close(convolutions._by_products(x, weight, padding=padding), y)
    above = torch.randn_like(y)
    _, of_weight, _ = aten.convolution_backward(
        above, x, weight, None, ones, padding, ones, *rest, [False, True, False]
    )
    found = convolutions._weight_by_products(above, x, kernel=kernel, padding=padding)
    torch.testing.assert_close(found, of_weight)


def test_one_dnn_reads_channels_last_and_is_not_asked_for_bias(asked):
    asked("oneDNN")
    network = ConvDecoder(3, (1, 9, 8), channels=[6, 5])
    function, inputs = with_gradients(network, torch.randn(4, 3))
    graph = rewritten(make_fx(function)(*inputs), *inputs)
    forwards = called(graph, aten.convolution.default)
    backwards = called(graph, aten.convolution_backward.default)
    assert len(forwards) == len(backwards) == 3
    for node in forwards:
        assert node.args[0].meta["val"].is_contiguous(memory_format=torch.channels_last)
    for node in backwards:
        assert node.args[-1][2] is False
        for given in node.args[:2]:
            assert given.meta["val"].is_contiguous(memory_format=torch.channels_last)


def test_the_convolution_to_few_channels_is_taken_by_whom_is_faster(asked):
    cases = asked("products")
    network = ConvDecoder(3, (1, 9, 8), channels=[6, 5])
    function, inputs = with_gradients(network, torch.randn(4, 3))
    graph = rewritten(make_fx(function)(*inputs), *inputs)
    assert len(cases) == 2
    # The transposed ones are to five and six channels.
    assert len(called(graph, aten.convolution.default)) == 2
    wanted = [node.args[-1] for node in called(graph, aten.convolution_backward.default)]
    assert wanted[0] == [True, False, False]
    assert [list(w) for w in wanted[1:]] == [[True, True, False]] * 2


@pytest.mark.parametrize(
    ("make", "shape", "dtype"),
    [
        (lambda: ConvDecoder(3, (1, 9, 8), channels=[5]), (3,), torch.float64),
        (lambda: ConvDecoder(3, (1, 9), channels=[5]), (3,), torch.float32),
    ],
    ids=["double precision", "signals"],
)
def test_the_others_stay_as_they_are(make, shape, dtype, asked):
    cases = asked("products")
    function, inputs = with_gradients(make().to(dtype), torch.randn(4, *shape, dtype=dtype))
    graph = make_fx(function)(*inputs)
    again = rewritten(graph, *inputs)
    assert not cases
    targets = [
        [n.target for n in g.graph.nodes if n.op == "call_function"] for g in (graph, again)
    ]
    assert targets[0] == targets[1]
