"""That the kernels of a program are compiled together, and one by one where that does not work out."""

import pytest
import torch
from torch._inductor import async_compile
from torch.fx.experimental.proxy_tensor import make_fx

from pyrovae.compilation import units
from pyrovae.compilation.inductor import compile_graph
from pyrovae.compilation.units import few_units

X = torch.linspace(-1, 1, 12).reshape(3, 4)
KERNEL = '#include <cstdint>\nextern "C" void kernel(float* y) {}\n'


def two_kernels(x):
    """Elementwise work on either side of a product, which is no kernel of inductor's."""
    return (x.exp() + 0.25).mm(x.t()).tanh() - 0.5


def compiled(monkeypatch, folder):
    """The files that g++ has made of it, and its result."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(folder))
    result = compile_graph(make_fx(two_kernels)(X), [X])(X)
    return list(folder.rglob("*.main.so")), result


def test_kernels_are_compiled_in_one_unit_and_give_what_the_program_gives(monkeypatch, tmp_path):
    libraries, result = compiled(monkeypatch, tmp_path)
    assert len(libraries) == 1
    assert "kernel_1" in libraries[0].with_suffix(".cpp").read_text()
    torch.testing.assert_close(result, two_kernels(X))  # roundings of a few operations


def test_kernels_that_cannot_be_compiled_together_are_compiled_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(units, "BINDINGS", "this is no C++")
    libraries, result = compiled(monkeypatch, tmp_path)
    assert len(libraries) == 2
    torch.testing.assert_close(result, two_kernels(X))  # roundings of a few operations


def test_inductor_is_as_it_was_afterwards():
    before = async_compile.AsyncCompile
    with few_units():
        assert issubclass(async_compile.AsyncCompile, before)
        assert async_compile.AsyncCompile is not before
    assert async_compile.AsyncCompile is before


def test_kernels_are_divided_evenly_and_none_is_lost(monkeypatch):
    monkeypatch.setattr(units, "WORTH_A_UNIT", 10)
    kernels = [units._Kernel(("float*",), "x" * size) for size in (9, 1, 8, 2, 10)]
    divided = units._divided(kernels, most=2)
    first, second = (sum(len(kernel.source) for kernel in unit) for unit in divided)
    assert abs(first - second) <= 10  # the largest kernel
    assert sorted(kernel for unit in divided for kernel in unit) == sorted(kernels)
    assert units._divided(kernels, most=1) != divided
    assert units._divided([], most=2) == []


def test_includes_stand_first_and_only_pointers_are_passed():
    code = units._code([units._Kernel(("float*",), KERNEL), units._Kernel(("float*",), KERNEL)])
    assert code.startswith("#include <cstdint>\n")
    assert code.count("#include <cstdint>") == 1
    with pytest.raises(ValueError, match="pointers"):
        units._code([units._Kernel(("float*", "int64_t"), KERNEL)])
