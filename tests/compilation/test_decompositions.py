"""What compiled programs calculate instead of torch's softplus is softplus."""

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.nn import functional as F

from pyrovae.compilation.decompositions import DECOMPOSITIONS

X = torch.cat([torch.linspace(-85, 85, 20_001), torch.tensor([-torch.inf, 0.0, torch.inf])])


def traced(function, *inputs):
    """The function with the operations of compiled programs, and the names of what it calls."""
    graph = make_fx(function, decomposition_table=DECOMPOSITIONS)(*inputs)
    return graph, {str(node.target) for node in graph.graph.nodes}


def test_softplus_is_exact_to_a_few_roundings():
    graph, operations = traced(F.softplus, X)
    assert not any("softplus" in name or "log" in name for name in operations)
    expected = F.softplus(X.double(), threshold=1000)
    # Five float32 roundings of 6e-8 each, relative: small results are as exact as large ones.
    torch.testing.assert_close(graph(X).double(), expected, rtol=3e-7, atol=0)


@pytest.mark.parametrize("target", [0.0, 0.3, 1.0])
def test_cross_entropy_is_that_of_double_precision(target):
    x, y = X[:-3], torch.full_like(X[:-3], target)
    graph, operations = traced(
        lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction="none"), x, y
    )
    assert not any("cross_entropy" in name or "log" in name for name in operations)
    expected = F.binary_cross_entropy_with_logits(x.double(), y.double(), reduction="none")
    # (1 - y) x is rounded at the size of x, which is up to 85.
    torch.testing.assert_close(graph(x, y).double(), expected, rtol=3e-7, atol=4e-6)


def test_gradients_are_torchs():
    def gradient(x):
        return torch.func.grad(lambda x: F.softplus(x).sum())(x)

    graph, _ = traced(gradient, X)
    torch.testing.assert_close(graph(X), torch.sigmoid(X), rtol=1e-6, atol=1e-12)


def test_nan_stays():
    graph, _ = traced(F.softplus, X)
    assert graph(torch.full_like(X, torch.nan)).isnan().all()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.softplus(x, beta=2),
        lambda x: F.softplus(x.double()),
        lambda x: F.binary_cross_entropy_with_logits(x, x, pos_weight=x, reduction="none"),
        lambda x: F.binary_cross_entropy_with_logits(x, x),
    ],
)
def test_other_forms_are_left_to_torch(function):
    x = torch.linspace(0.1, 0.9, 5)
    graph, _ = traced(function, x)
    torch.testing.assert_close(graph(x), function(x))
