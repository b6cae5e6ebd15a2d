"""Which differences between two programs are roundings, and which are not."""

import pytest
import torch

from pyrovae.compilation import CompiledFunction, NotCompiled, function, half_twice
from pyrovae.compilation.comparison import check_same, nudged_by_a_rounding

EXPECTED = [torch.tensor([1.0, 0.5])]


def compared(found, share=1e-4, nudged=None):
    check_same(EXPECTED, [found], ["loss"], share=share, what="compiled", nudged=nudged)


def test_what_differs_by_more_than_roundings_is_named():
    compared(EXPECTED[0] + 0.9e-4)
    with pytest.raises(NotCompiled, match=r"different loss .* \(by 0.0002, .* number is 1\)"):
        compared(EXPECTED[0] + 2e-4)
    with pytest.raises(NotCompiled, match="different loss"):
        compared(torch.tensor([1.0, torch.nan]))
    with pytest.raises(NotCompiled, match="of a different shape"):
        compared(torch.ones(3))


def test_where_roundings_grow_more_is_let_pass_but_no_more_than_a_twentieth():
    def nudged(by):
        return lambda: [EXPECTED[0] + by]

    compared(EXPECTED[0] + 2e-4, nudged=nudged(2e-5))
    with pytest.raises(NotCompiled, match="different loss"):
        compared(EXPECTED[0] + 2e-4, nudged=nudged(1e-5))  # sixteen times as much
    with pytest.raises(NotCompiled, match="different loss"):
        compared(EXPECTED[0] + 6e-2, nudged=nudged(1.0))
    with pytest.raises(NotCompiled, match="different loss"):
        compared(torch.full((2,), torch.nan), nudged=nudged(1.0))
    with pytest.raises(NotCompiled, match="different loss"):
        compared(EXPECTED[0] + 2e-4, nudged=nudged(torch.nan))


def test_a_failure_near_by_is_a_reason_not_to_compile():
    def failing():
        raise ArithmeticError("below zero")

    with pytest.raises(NotCompiled, match="fails near by: ArithmeticError: below zero"):
        compared(EXPECTED[0] + 2e-4, nudged=failing)


def test_a_compiled_program_is_compared_with_one_whose_parameters_are_nudged(monkeypatch):
    seen = {}

    def comparing(expected, found, names, *, share, what, nudged):
        seen[what] = expected, None if nudged is None else nudged()

    monkeypatch.setattr(function, "check_same", comparing)
    module, x = torch.nn.Linear(3, 2), torch.linspace(-1, 1, 12).reshape(4, 3)
    CompiledFunction(
        module,
        lambda leaves, batch: [module(*batch).square().sum()],
        (x,),
        half_twice((x,)),
        names=["sum"],
    )
    assert seen["traced"][1] is None
    expected, nearby = seen["compiled"]
    for a, b in zip(expected, nearby, strict=True):  # the sum, weights and biases
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)  # a rounding, tens of times over
    for a, b in zip(expected[1:], nearby[1:], strict=True):
        assert (a != b).all()


def test_roundings_are_measured_only_where_too_much_differs():
    def never():
        raise AssertionError("nothing differs")

    compared(EXPECTED[0].clone(), nudged=never)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_nudged_number_is_next_to_it(dtype):
    value = torch.tensor([-3.0, 0.0, 1e-3, 1.0, 7.0] * 8, dtype=dtype)
    found = nudged_by_a_rounding(value)
    assert (found != value).all()
    assert ((found > value).any()) & ((found < value).any())
    relative = (found - value).double().abs() / value.double().abs()
    assert relative[value != 0].max() <= torch.finfo(dtype).eps


def test_whole_numbers_are_left():
    value = torch.arange(3)
    assert nudged_by_a_rounding(value) is value
