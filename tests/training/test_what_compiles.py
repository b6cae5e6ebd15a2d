"""The documentation's table of what compiles: every part is in it, and what it says is so."""

import re
from pathlib import Path

import pyro.infer
import pytest
from registry import LIKELIHOODS, OBJECTIVES, POSTERIORS, PRIORS
from stepping import batches, eager_step, vae_of

from pyrovae.compilation import NotCompiled
from pyrovae.training.compiled import CompiledStep

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "compilation.md"
ROWS = dict(re.findall(r"^\| `([\w.]+)` \| (.*) \|$", PAGE.read_text(), flags=re.MULTILINE))
NOT = {
    "pyro.infer.TraceEnum_ELBO": ({}, "depends on the values"),
    "pyro.infer.TraceTailAdaptive_ELBO": (
        {"num_particles": 4, "vectorize_particles": True},
        "largest number is inf",
    ),
}


def test_every_part_is_in_the_table():
    # That those marked so compile, `test_every_part_traces` shows.
    named = {
        name.split("-")[0]
        for parts in (PRIORS, POSTERIORS, LIKELIHOODS, OBJECTIVES)
        for name in parts
    }
    assert {name for name in ROWS if not name.startswith("pyro.")} == named
    assert {ROWS[name] for name in named} == {"yes"}


@pytest.mark.usefixtures("only_traced")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", NOT)
def test_what_does_not_compile_says_why(name):
    assert ROWS[name].startswith("no, because")
    options, reason = NOT[name]
    objective = getattr(pyro.infer, name.rpartition(".")[2])(max_plate_nesting=1, **options)
    vae = vae_of()
    with pytest.raises(NotCompiled, match=reason):
        CompiledStep(vae, eager_step(vae, objective), batches()[0])
