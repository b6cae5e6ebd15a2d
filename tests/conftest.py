import pyro
import pytest
import torch

# Workers of pytest-xdist would otherwise fight over the cores.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def fresh_state():
    """Each test begins with an empty parameter store and the same random numbers."""
    pyro.clear_param_store()
    torch.manual_seed(0)
