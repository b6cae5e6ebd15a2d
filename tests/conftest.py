import pyro
import pytest
import torch
from hypothesis import HealthCheck, settings

# Examples are drawn anew each time: what is claimed holds for all of them. `make proof` draws
# more. The state that is fresh for a test need not be so for each example.
for profile, examples in (("part", 15), ("proof", 200)):
    settings.register_profile(
        profile,
        max_examples=examples,
        deadline=None,
        database=None,
        print_blob=True,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
settings.load_profile("part")

# Workers of pytest-xdist would otherwise fight over the cores.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def fresh_state():
    """Each test begins with an empty parameter store and the same random numbers."""
    pyro.clear_param_store()
    torch.manual_seed(0)
