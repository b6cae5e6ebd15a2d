"""Training on data with missing values, the checks on the way and the reports."""

import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from missing_data import binary, of
from pyro.infer import SVI, Trace_ELBO
from registry import DATA, LATENT
from torch import nn
from torch.utils.data import DataLoader

from pyrovae import evaluate, fit
from pyrovae.datasets import TensorSplit
from pyrovae.likelihoods import BernoulliLikelihood, PoissonLikelihood
from pyrovae.models import MissingDataVAE
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior, VampPrior
from pyrovae.training.divergence import find_fault
from pyrovae.training.gradients import Gradients
from pyrovae.training.step import Step


def stripes(n=200):
    """Rows that are all zeros or all ones: half of them say all there is to know."""
    rows = torch.rand(n, 1, 6, 1, generator=torch.Generator().manual_seed(1)).round()
    mask = torch.rand(n, *DATA, generator=torch.Generator().manual_seed(2)) < 0.5
    return rows[:, :, :1].expand(n, *DATA).clone(), mask


@pytest.mark.parametrize("vamp", [False, True])
def test_learns_to_impute(vamp):
    x, mask = stripes()
    posterior = NormalPosterior(MLP(DATA, [16], 6))
    prior = VampPrior(posterior, pseudo_inputs=x, components=5) if vamp else NormalPrior(3)
    model = MissingDataVAE(prior, posterior, BernoulliLikelihood(MLP(3, [16], DATA)))
    adam = lambda parameters: torch.optim.Adam(parameters, lr=0.02)
    split = TensorSplit(torch.where(mask, x, -1.0), mask)  # a sentinel for what is missing
    fit(model, split, epochs=15, batch_size=20, optimizer=adam, progress=False)
    filled = model.impute(x, mask, samples=20)
    assert (filled - x)[~mask].abs().mean() < 0.1  # 0.5 without learning
    report = evaluate(model, split, samples=20)
    assert report.elbo > 15 * math.log(0.5)  # what a coin a value would give


def test_trains_under_plain_pyro_with_nan():
    x, mask = stripes()
    model = of(BernoulliLikelihood(MLP(LATENT, [8], DATA)), channels=2)
    svi = SVI(model.model, model.guide, pyro.optim.Adam({"lr": 0.02}), loss=Trace_ELBO())
    x = x.masked_fill(~mask, math.nan)
    first = svi.evaluate_loss(x, mask)
    for _ in range(30):
        svi.step(x, mask)
    assert svi.evaluate_loss(x, mask) < first / 2
    # Even a loader whose data are not finite trains, and is reported on.
    loader = DataLoader(list(zip(x, mask, strict=True)), batch_size=50)
    fit(model, loader, epochs=1, progress=False)
    assert math.isfinite(evaluate(model, loader, samples=2).log_likelihood.value)


def test_only_observed_values_have_to_be_in_the_support():
    model = of(PoissonLikelihood(MLP(LATENT, [], DATA)))
    x, mask = torch.ones(5, *DATA), torch.rand(5, *DATA) < 0.5
    x[~mask] = -0.5
    fit(model, TensorSplit(x, mask), epochs=1, progress=False)
    x[3, 0, 2, 2], mask[3, 0, 2, 2] = 2.5, True
    said = "'x': PoissonLikelihood expects whole numbers of at least 0, but the data contain 2.5"
    with pytest.raises(ValueError, match=said):
        fit(model, TensorSplit(x, mask), epochs=1, progress=False)


def test_a_fault_is_not_laid_on_missing_values():
    model, x = of(BernoulliLikelihood(MLP(LATENT, [], DATA))), binary(5)
    mask = torch.rand(5, *DATA) < 0.5
    x = x.masked_fill(~mask, math.nan)
    parameters = list(model.parameters())
    gradients = Gradients(model.model, model.guide, ELBO())
    step = Step(parameters, gradients, torch.optim.SGD(parameters))
    assert find_fault(model, step, (x, mask)).startswith("the gradients")
    fault = find_fault(model, step, (x, torch.ones_like(mask)))
    assert "value of site 'z' in the guide" in fault


def test_report_looks_at_observed_values_alone():
    model, x = of(BernoulliLikelihood(MLP(LATENT, [], DATA))), binary(40)
    mask = torch.rand(40, *DATA) < 0.3
    grey = torch.where(mask, x, 0.5)
    report = evaluate(model, (grey, mask), samples=5, batch_size=15)
    assert report.is_density
    bits = -report.log_likelihood.value * 40 / (mask.sum().item() * math.log(2))
    assert report.bits_per_dim == pytest.approx(bits)
    report = evaluate(model, (torch.full_like(x, 0.5), mask), samples=5)
    assert not report.is_density
    assert report.bits_per_dim is None


def test_report_unwraps_pyros_own_masks():
    class Masked(nn.Module):
        """A user's program, with Pyro's mask on the grey levels of the variables."""

        def model(self, x, mask):
            with pyro.plate("data", len(x)):
                z = pyro.sample("z", dist.Normal(torch.zeros(3), 1.0).to_event(1))
                p = of_grey(z).base_dist.mask(mask).to_event(1)
                pyro.sample("x", p, obs=x)

        def guide(self, x, mask):
            with pyro.plate("data", len(x)):
                pyro.sample("z", dist.Normal(torch.zeros(3), 1.0).to_event(1))

    of_grey = BernoulliLikelihood(MLP(3, [], 3))
    x, mask = torch.tensor([[0.0, 1.0, 0.3]] * 4), torch.tensor([[True, True, False]] * 4)
    assert evaluate(Masked(), (x, mask), samples=3).is_density
    assert not evaluate(Masked(), (x, ~mask), samples=3).is_density
