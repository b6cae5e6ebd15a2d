"""A latent that all data share, in mini-batches: right with a plate of all data, or refused."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae import fit
from pyrovae.objectives import ELBO, AnalyticKLELBO

N, B = 400, 20


class Mean(nn.Module):
    """The mean of normal data: its posterior is N(sum x / (N + 1), 1 / (N + 1))."""

    def __init__(self, size=None):
        super().__init__()
        self.size = size
        self.loc = nn.Parameter(torch.tensor(1.4))
        self.log_scale = nn.Parameter(torch.tensor(-2.5))

    def model(self, x):
        mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
        size = len(x) if self.size is None else self.size
        with pyro.plate("data", size, subsample_size=len(x), dim=-1):
            pyro.sample("x", dist.Normal(mean.unsqueeze(-1), 1.0).to_event(1), obs=x)

    def guide(self, x):
        pyro.sample("mean", dist.Normal(self.loc, self.log_scale.exp()))


@pytest.fixture
def data():
    return 1.5 + torch.randn(N, 1, generator=torch.Generator().manual_seed(0))


def test_a_plate_of_the_batchs_size_is_refused(data):
    model = Mean()
    with pytest.raises(ValueError, match=r"site 'mean': all data share it.*subsample_size") as why:
        fit(model, data, batch_size=B, epochs=1, progress=False)
    assert "\n" not in str(why.value)
    assert model.loc.item() == pytest.approx(1.4)  # no step was taken


@pytest.mark.parametrize("objective", [ELBO(num_particles=10), AnalyticKLELBO(num_particles=10)])
@pytest.mark.parametrize(("size", "batch_size", "epochs"), [(N, B, 30), (None, N, 300)])
def test_a_plate_of_all_data_gives_the_exact_posterior(data, objective, size, batch_size, epochs):
    model = Mean(size)
    fit(
        model,
        data,
        objective=objective,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=lambda p: torch.optim.Adam(p, lr=0.03),
        scheduler=lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.05 ** (1 / epochs)),
        progress=False,
        compile=False,
    )
    # Noise in the gradients moves the scale by a few per cent; a plate of the batch's size would
    # make it wider by the root of N / B, 4.5.
    assert model.log_scale.exp().item() == pytest.approx(1 / math.sqrt(N + 1), rel=0.15)
    assert model.loc.item() == pytest.approx(data.sum().item() / (N + 1), abs=2 / math.sqrt(N))
