"""That inductor's index strides are read off right, and its tables built once."""

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from torch._inductor import lowering  # noqa: F401 registers the operations of the table
from torch._inductor.codegen import cpp
from torch._inductor.dtype_propagation import DtypePropagationOpsHandler
from torch._inductor.sizevars import stride_at_vec_range
from torch.utils._ordered_set import OrderedSet
from torch.utils._sympy.functions import FloorDiv, ModularIndexing

from pyrovae.compilation.repeats import cheap_repeats, stride_of

X, Y = sympy.symbols("x y", integer=True, nonnegative=True)
TERMS = st.sampled_from(
    [X, Y, X * Y, sympy.Integer(1), FloorDiv(X, 16), FloorDiv(X, 3), FloorDiv(Y, 3), X**2]
    + [ModularIndexing(X, 1, 16), ModularIndexing(X, 2, 3), ModularIndexing(Y, 1, 5), 2 * X + Y]
)
INDICES = st.lists(st.tuples(st.integers(-50, 50), TERMS), max_size=5).map(
    lambda terms: sum((n * term for n, term in terms), sympy.Integer(0))
)


@given(INDICES, st.sampled_from([None, 8, 16]))
def test_a_stride_is_the_one_that_inductor_finds(index, vector):
    found = stride_of(index, X)
    if found is not None:
        assert found == stride_at_vec_range(index, X, vector)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (48 * X + Y, 48),
        (Y + 3, 0),
        (FloorDiv(Y, 3) - X, -1),
        (X + FloorDiv(X, 3), None),
        (X * Y, None),
        (ModularIndexing(X + Y, 1, 4), None),
    ],
)
def test_a_coefficient_is_read_off_where_there_is_one(index, expected):
    assert stride_of(index, X) == expected


def test_the_table_of_types_is_built_once():
    with cheap_repeats():
        one = DtypePropagationOpsHandler()
        table = dict(vars(one))
        assert DtypePropagationOpsHandler() is one
        assert all(vars(one)[name] is entry for name, entry in table.items())
    assert table


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_a_union_is_in_the_same_order_and_a_set_of_its_own(first, second):
    a, b = OrderedSet(first), OrderedSet(second)
    expected = list(a | b)
    with cheap_repeats():
        found, mixed = a | b, a | set(second)
    assert list(found) == expected
    assert set(mixed) == set(expected)
    found.add(10)
    assert 10 not in a | b


def test_inductor_is_as_it_was_afterwards():
    united = vars(OrderedSet).get("__or__")
    before = cpp.stride_at_vec_range, DtypePropagationOpsHandler.__init__
    with cheap_repeats():
        assert cpp.stride_at_vec_range is not before[0]
        assert cpp.stride_at_vec_range(FloorDiv(X, 16), X, 16) == before[0](FloorDiv(X, 16), X, 16)
    assert (cpp.stride_at_vec_range, DtypePropagationOpsHandler.__init__) == before
    assert vars(OrderedSet).get("__or__") is united


def test_another_version_of_torch_compiles_as_it_does(monkeypatch):
    monkeypatch.delattr(cpp, "stride_at_vec_range")
    with cheap_repeats():
        assert not hasattr(cpp, "stride_at_vec_range")
