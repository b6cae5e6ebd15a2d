"""That a compiled program is found again, by whoever compiles the same one, and by nobody else."""

import pytest
import torch
from torch._dynamo.utils import counters
from torch._inductor.exc import CppCompileError
from torch.fx.experimental.proxy_tensor import make_fx

from pyrovae.compilation.inductor import compile_graph

X = torch.linspace(-1, 1, 12).reshape(3, 4)


@pytest.fixture
def compiled(monkeypatch, tmp_path):
    """Compiles a function with a cache of the test's own: whether it was found, and its result."""
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))

    def run(function, x, threads=1):
        before = counters["inductor"]["fxgraph_cache_hit"]
        set_before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            result = compile_graph(make_fx(function)(x), [x])(x)
        finally:
            torch.set_num_threads(set_before)
        torch.testing.assert_close(result, function(x))  # the rounding of one operation
        return counters["inductor"]["fxgraph_cache_hit"] > before

    return run


def test_the_same_program_is_found_for_other_numbers_but_not_for_other_shapes(compiled):
    assert not compiled(torch.exp, X)
    assert compiled(torch.exp, X + 1)
    # A program for any size would be found, and be slower.
    assert not compiled(torch.exp, X[:2])


@pytest.mark.proof
def test_nor_for_other_threads(compiled):
    assert not compiled(torch.exp, X)
    # Loops are divided among so many threads when the code is written.
    assert not compiled(torch.exp, X, threads=2)


def test_where_the_compiler_does_not_know_the_vectors_inductor_finds_out_which_it_does(
    monkeypatch, compiled
):
    inductor, asked = torch._inductor.compile, []

    def with_an_old_compiler(*program, options):
        asked.append(options.get("cpp.vec_isa_ok"))
        if asked[-1]:
            raise CppCompileError(["g++"], "error: unrecognized command-line option '-mavx2'")
        return inductor(*program, options=options)

    monkeypatch.setattr(torch._inductor, "compile", with_an_old_compiler)
    compiled(torch.exp, X)
    assert asked == [True, None]
