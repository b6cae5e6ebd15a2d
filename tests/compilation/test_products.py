"""Which products of a compiled program oneDNN takes, and that they are the same products."""

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from pyrovae.compilation import products
from pyrovae.compilation.products import PRODUCTS

pytestmark = pytest.mark.skipif(
    not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()),
    reason="this build of torch has not both MKL and oneDNN",
)

X, WEIGHT, BIAS = torch.randn(64, 300), torch.randn(200, 300), torch.randn(200)
ABOVE = torch.randn(64, 200)
ONE_OR_OTHER = [
    (lambda x, w: torch.mm(x, w.t()), (X, WEIGHT)),
    (lambda x, w, b: torch.addmm(b, x, w.t()), (X, WEIGHT, BIAS)),
    (lambda d, w: torch.mm(d, w), (ABOVE, WEIGHT)),
    (lambda d, x: torch.mm(d.t(), x), (ABOVE, X)),
]
NAMES = ["forward", "forward with bias", "gradient of activations", "gradient of weights"]


@pytest.fixture
def asked(monkeypatch):
    """What is asked which way is fastest, each way being tried; the answer is a given one."""
    cases = []

    def answer_with(answer=None):
        def fastest(case, ways, *, otherwise):
            results = [way() for way in ways.values()]
            # Sums of a few hundred products in another order.
            torch.testing.assert_close(results[0], results[1], rtol=1e-4, atol=1e-4)
            cases.append((case, otherwise))
            return answer or otherwise

        monkeypatch.setattr(products, "fastest", fastest)
        return cases

    return answer_with


def rewritten(function, *inputs):
    return make_fx(function, decomposition_table=PRODUCTS, tracing_mode="fake")(*inputs)


def takes_one_dnn(graph):
    targets = [node.target for node in graph.graph.nodes if node.op == "call_function"]
    return torch.ops.pyrovae.linear.default in targets


@pytest.mark.parametrize("answer", ["torch", "oneDNN"])
@pytest.mark.parametrize(("function", "inputs"), ONE_OR_OTHER, ids=NAMES)
def test_a_product_is_taken_by_whom_is_faster(function, inputs, answer, asked):
    cases = asked(answer)
    graph = rewritten(function, *inputs)
    assert len(cases) == 1
    assert takes_one_dnn(graph) == (answer == "oneDNN")
    torch.testing.assert_close(graph(*inputs), function(*inputs), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("function", "inputs"), ONE_OR_OTHER, ids=NAMES)
def test_one_dnn_is_to_beat_for_activations_times_weights_alone(function, inputs, asked):
    asked()
    assert takes_one_dnn(rewritten(function, *inputs)) == (inputs is not ONE_OR_OTHER[3][1])
    few = [value[:20] if value is X or value is ABOVE else value for value in inputs]
    assert not takes_one_dnn(rewritten(function, *few))


def test_products_of_other_sizes_or_strides_are_other_cases(asked):
    cases = asked()
    for function, inputs in ONE_OR_OTHER:
        rewritten(function, *inputs)
    rewritten(ONE_OR_OTHER[0][0], X[:32], WEIGHT)
    assert len({case for case, _ in cases}) == len(cases) == 5


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (lambda x, w: torch.mm(x, w.t()), (X[:1], WEIGHT)),
        (lambda x, w: torch.mm(x, w.t()), (X.double(), WEIGHT.double())),
        (lambda x, w, b: torch.addmm(b, x, w.t(), alpha=2), (X, WEIGHT, BIAS)),
        (lambda x, w, b: torch.addmm(b, x, w.t()), (X, WEIGHT, ABOVE)),
    ],
    ids=["small", "double precision", "scaled", "a matrix added"],
)
def test_the_others_stay_as_they_are(function, inputs, asked):
    cases = asked("oneDNN")
    graph = rewritten(function, *inputs)
    assert not cases
    assert not takes_one_dnn(graph)
    torch.testing.assert_close(graph(*inputs), function(*inputs))
