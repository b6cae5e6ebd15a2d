"""Which products of a compiled program oneDNN takes, and that they are the same products."""

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from pyrovae.compilation.products import PRODUCTS

pytestmark = pytest.mark.skipif(
    not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()),
    reason="this build of torch has not both MKL and oneDNN",
)

X, WEIGHT, BIAS = torch.randn(64, 300), torch.randn(200, 300), torch.randn(200)
ABOVE = torch.randn(64, 200)


def rewritten(function, *inputs):
    return make_fx(function, decomposition_table=PRODUCTS, tracing_mode="fake")(*inputs)


def takes_one_dnn(graph):
    targets = [node.target for node in graph.graph.nodes if node.op == "call_function"]
    return torch.ops.pyrovae.linear.default in targets


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (lambda x, w: torch.mm(x, w.t()), (X, WEIGHT)),
        (lambda x, w, b: torch.addmm(b, x, w.t()), (X, WEIGHT, BIAS)),
        (lambda d, w: torch.mm(d, w), (ABOVE, WEIGHT)),
    ],
    ids=["forward", "forward with bias", "gradient of activations"],
)
def test_activations_times_weights(function, inputs):
    graph = rewritten(function, *inputs)
    assert takes_one_dnn(graph)
    # Sums of a few hundred products in another order.
    torch.testing.assert_close(graph(*inputs), function(*inputs), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (lambda d, x: torch.mm(d.t(), x), (ABOVE, X)),
        (lambda x, w: torch.mm(x, w.t()), (X[:8], WEIGHT)),
        (lambda x, w: torch.mm(x, w.t()), (X.double(), WEIGHT.double())),
        (lambda x, w, b: torch.addmm(b, x, w.t(), alpha=2), (X, WEIGHT, BIAS)),
        (lambda x, w, b: torch.addmm(b, x, w.t()), (X, WEIGHT, ABOVE)),
    ],
    ids=["gradient of weights", "small", "double precision", "scaled", "a matrix added"],
)
def test_the_others_stay_as_they_are(function, inputs):
    graph = rewritten(function, *inputs)
    assert not takes_one_dnn(graph)
    torch.testing.assert_close(graph(*inputs), function(*inputs))
