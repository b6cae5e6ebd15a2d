"""The profile of a compiled step finds its parts."""

import pytest

from benchmarks.speed.cases import all_cases
from benchmarks.speed.data import generated_images
from benchmarks.speed.profile import KINDS, profile_step


@pytest.mark.proof
def test_profile(tmp_path):
    case = all_cases("a", [16], quick=True)[1]
    found = profile_step(case, generated_images(200), threads=1, cache=tmp_path)
    assert found.case == case
    assert set(found.kinds) == set(KINDS)
    busy = {kind for kind, milliseconds in found.kinds.items() if milliseconds > 0}
    assert busy == set(KINDS) - {"convolutions"}
    assert found.whole > 0
