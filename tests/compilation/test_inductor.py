"""That a compiled program is found again, by whoever compiles the same one, and by nobody else."""

import inspect
import os
import shutil
import subprocess
import sys
from contextlib import nullcontext

import pytest
import torch
from torch._dynamo.utils import counters
from torch._inductor.exc import CppCompileError, InductorError
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


OLD_COMPILER = """#!/bin/sh
case "$*" in *-mavx* | *-mamx* | *-march=armv*) echo "error: unrecognized option" >&2; exit 1;; esac
exec {compiler} "$@"
"""
WITH_AN_OLD_COMPILER = """
import torch
from torch.fx.experimental.proxy_tensor import make_fx
from pyrovae.compilation.inductor import compile_graph
x = torch.linspace(-1, 1, 12)
torch.testing.assert_close(compile_graph(make_fx(torch.exp)(x), [x])(x), x.exp())
"""


@pytest.mark.proof
def test_where_the_compiler_does_not_know_the_vectors_inductor_finds_out_which_it_does(tmp_path):
    compiler = shutil.which("g++") or pytest.skip("there is no g++")
    old = tmp_path / "g++"
    old.write_text(OLD_COMPILER.format(compiler=compiler))
    old.chmod(0o755)
    environment = {"CXX": str(old), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    subprocess.run(
        [sys.executable, "-c", WITH_AN_OLD_COMPILER], env=os.environ | environment, check=True
    )


@pytest.mark.parametrize(("of_compiler", "times"), [(True, 2), (False, 1)])
def test_only_what_the_compiler_refuses_is_compiled_again(
    monkeypatch, compiled, of_compiler, times
):
    inductor, asked = torch._inductor.compile, []
    failure = CppCompileError(["g++"], "error") if of_compiler else ValueError("another")

    def failing(*program, options):
        asked.append(options.get("cpp.vec_isa_ok"))
        if asked[-1]:
            raise InductorError(failure, inspect.currentframe())
        return inductor(*program, options=options)

    monkeypatch.setattr(torch._inductor, "compile", failing)
    with nullcontext() if of_compiler else pytest.raises(InductorError, match="another"):
        compiled(torch.exp, X)
    assert asked == [True, None][:times]
