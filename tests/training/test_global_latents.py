"""A latent that all data share, in mini-batches: right with a plate of all data, or refused."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from torch import nn

from pyrovae import fit
from pyrovae.datasets import Data, TensorSplit
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
    with pytest.raises(
        ValueError, match=r"site 'mean': it is shared by all data.*subsample_size"
    ) as why:
        fit(model, data, batch_size=B, epochs=1, progress=False)
    assert "\n" not in str(why.value)
    assert model.loc.item() == pytest.approx(1.4)  # no step was taken


@pytest.mark.parametrize("objective", [ELBO(num_particles=10), AnalyticKLELBO(num_particles=10)])
@pytest.mark.parametrize(("size", "batch_size", "epochs"), [(N, B, 30), (None, N, 300)])
def test_a_plate_of_all_data_gives_the_exact_posterior(data, objective, size, batch_size, epochs):
    model = Mean(size)
    history = fit(
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
    # The negative bound of a datum: that of all data, which the posterior's evidence is close to.
    exact = -log_evidence(data) / N
    assert history[-1]["loss"] == pytest.approx(exact, abs=0.05)


def log_evidence(data):
    """Of x_n = m + noise with m ~ N(0, 1): one normal of N variables."""
    covariance = torch.eye(N, dtype=torch.float64) + 1
    x = data.flatten().double()
    return dist.MultivariateNormal(torch.zeros_like(x), covariance).log_prob(x).item()


class Local(Mean):
    """Nothing is drawn, so that all that may differ is the size of the plate."""

    def model(self, x):
        size = len(x) if self.size is None else self.size
        with pyro.plate("data", size, subsample_size=len(x), dim=-1):
            scale = self.log_scale.exp()
            pyro.sample("x", dist.Normal(self.loc, scale).expand([1]).to_event(1), obs=x)

    def guide(self, x):
        pass


@pytest.mark.usefixtures("only_traced")
@pytest.mark.parametrize("compile", [False, True])
def test_a_plate_of_all_data_changes_no_number(data, compile):
    split = Data(train=TensorSplit(data[: N - 50]), validation=TensorSplit(data[N - 50 :]))
    models = [Local(), Local(N - 50)]
    # One epoch: a plate that is larger draws an order, and the next one would be another.
    histories = [
        fit(model, split, epochs=1, batch_size=70, compile=compile, progress=False)
        for model in models
    ]
    for a, b in zip(*histories, strict=True):
        for name in ("loss", "validation_loss", "validation_elbo"):
            assert a[name] == pytest.approx(b[name], rel=1e-5)
    assert models[0].loc.item() == pytest.approx(models[1].loc.item(), rel=1e-5)


def test_a_plate_of_all_data_is_not_divided(data):
    with pytest.raises(
        ValueError, match="accumulate: expected 1, because the data plate has size"
    ):
        fit(Local(N), data, batch_size=B, accumulate=2, epochs=1, progress=False)
