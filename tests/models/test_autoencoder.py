"""The autoencoder: minus the reconstruction error is all there is, and nothing else is claimed."""

import csv
import json

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO
from tiny import grey_data

from pyrovae import evaluate, fit, load, save
from pyrovae.datasets import Data, TensorSplit
from pyrovae.evaluation import elbo, log_likelihood
from pyrovae.likelihoods import BernoulliLikelihood, NormalLikelihood
from pyrovae.models import Autoencoder, Density
from pyrovae.models.base import LatentVariableModel
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, AnalyticKLELBO, ImportanceWeightedELBO, StickingTheLandingELBO
from pyrovae.plots import training_curves
from pyrovae.priors import FlowPrior, MixturePrior, NormalPrior

D, CODES = 4, 2


def make(scale=1.0):
    decoder = MLP(CODES, [5], D, activation="tanh")
    encoder = MLP(D, [5], CODES, activation="tanh")
    return Autoencoder(encoder, NormalLikelihood(decoder, scale=scale))


@pytest.mark.parametrize(
    "objective",
    [ELBO(), ELBO(num_particles=3), AnalyticKLELBO(), StickingTheLandingELBO(), Trace_ELBO()],
)
def test_objective_is_minus_the_squared_error(objective):
    model, x = make(), grey_data(7)
    loss = objective.loss_and_grads(model.model, model.guide, x)
    found = [parameter.grad for parameter in model.parameters()]
    error = (x - model.likelihood.network(model.encoder(x))).square().sum() / 2
    constant = x.numel() * torch.tensor(2 * torch.pi).log().item() / 2
    assert float(loss) == pytest.approx(error.item() + constant, rel=1e-5)
    expected = torch.autograd.grad(error, list(model.parameters()))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_fit_learns_to_reconstruct():
    torch.manual_seed(0)
    x = torch.randn(200, 2) @ torch.randn(2, D)  # two dimensions suffice
    model = make()
    adam = lambda parameters: torch.optim.Adam(parameters, lr=0.01)
    fit(model, x, epochs=60, batch_size=20, optimizer=adam, progress=False)
    assert (model.reconstruct(x) - x).square().mean() < 0.1 * x.var()


def test_queries():
    model, x = make(), grey_data(5)
    codes = model.encode(x)
    torch.testing.assert_close(codes, model.encoder(x).detach())
    assert model.decode(codes).batch_shape == (5,)
    expected = model.likelihood(codes).mean
    torch.testing.assert_close(model.reconstruct(x), expected.detach())
    assert model.reconstruct(x, draw=True).shape == (5, D)
    with pytest.raises(ValueError, match=r"no prior to draw codes from; fit a density"):
        model.sample(3)


def test_report_says_what_is_undefined(tmp_path):
    model, x = make(), grey_data(30)
    report = evaluate(model, x, train=x, samples=2)
    direct = model.likelihood(model.encoder(x)).log_prob(x).mean().item()
    assert report.reconstruction == pytest.approx(direct, rel=1e-5)
    assert report.elbo is report.kl is report.log_likelihood is report.bits_per_dim is None
    assert report.train_elbo is report.gap is None
    text = str(report)
    assert text.count("undefined\n") == 3
    assert "undefined: the prior of 'z' is flat, which is no density" in text
    assert json.loads(json.dumps(report.to_dict()))["elbo"] is None
    bound = elbo(model, TensorSplit(x))
    assert (bound.elbo, bound.kl) == (None, None)
    assert bound.criterion == bound.reconstruction == pytest.approx(direct, rel=1e-5)
    with pytest.raises(ValueError, match="the log-likelihood is undefined: the prior of 'z'"):
        log_likelihood(model, TensorSplit(x))


def test_report_of_grey_levels_says_cross_entropy():
    model = Autoencoder(MLP(D, [], CODES), BernoulliLikelihood(MLP(CODES, [], D)))
    text = str(evaluate(model, grey_data(5), samples=1))
    assert "the reconstruction is no log-likelihood" in text


class PointGuide(LatentVariableModel):
    """A proper prior with a point as guide: no bound either."""

    def __init__(self):
        super().__init__()
        self.encoder = MLP(D, [], CODES)

    def model(self, x):
        with self.data_plate(x):
            z = pyro.sample("z", dist.Normal(torch.zeros(CODES), 1.0).to_event(1))
            mean = z.sum(-1, keepdim=True) * torch.ones(D)
            pyro.sample("x", dist.Normal(mean, 1.0).to_event(1), obs=x)

    def guide(self, x):
        with self.data_plate(x):
            pyro.sample("z", dist.Delta(self.encoder(x)).to_event(1))


def test_a_point_under_a_proper_prior_has_no_bound():
    model = PointGuide()
    report = evaluate(model, grey_data(5), samples=2)
    assert report.undefined == "the posterior of 'z' is a point, which has no KL divergence"


def test_history_and_early_stopping_go_by_the_objective(tmp_path):
    x = grey_data(40)
    data = Data(train=TensorSplit(x[:30]), validation=TensorSplit(x[30:]))
    # Steps far too large: the first epochs are the best.
    sgd = lambda parameters: torch.optim.Adam(parameters, lr=1.0)
    history = fit(make(), data, epochs=50, patience=3, optimizer=sgd, progress=False)
    assert history.stopped.startswith("no better validation loss in 3 epochs")
    values = history.column("validation_reconstruction")
    assert values.index(max(values)) + 1 == history.best_epoch
    assert not {"validation_elbo", "validation_kl"} & set(history[0])
    history.save(tmp_path / "history.csv")
    with (tmp_path / "history.csv").open() as file:
        assert "validation_reconstruction" in next(csv.reader(file))
    training_curves(history)


def test_plateau_scheduler_looks_at_the_reconstruction():
    x = grey_data(40)
    data = Data(train=TensorSplit(x[:30]), validation=TensorSplit(x[30:]))
    plateau = lambda optim: torch.optim.lr_scheduler.ReduceLROnPlateau(optim, patience=0)
    sgd = lambda parameters: torch.optim.Adam(parameters, lr=1.0)
    history = fit(make(), data, epochs=10, optimizer=sgd, scheduler=plateau, progress=False)
    assert history[-1]["learning_rate"] < 1.0


def test_plain_svi_and_files(tmp_path):
    model, x = make(), grey_data(6)
    SVI(model.model, model.guide, pyro.optim.Adam({"lr": 0.1}), loss=Trace_ELBO()).step(x)
    save(model, tmp_path / "model.pt")
    torch.testing.assert_close(load(tmp_path / "model.pt").reconstruct(x), model.reconstruct(x))


@pytest.mark.parametrize(
    ("encoder", "decoder", "said"),
    [
        (
            MLP(D, [], 3),
            MLP(2, [], D),
            r"latent: expected the same shape in all parts, got encoder \(3,\), likelihood \(2,\)",
        ),
        (
            MLP(5, [], 2),
            MLP(2, [], D),
            r"datum: expected the same shape in all parts, got encoder \(5,\), likelihood \(4,\)",
        ),
        (torch.nn.Linear(D, 2), MLP(2, [], D), "expected a pyrovae.nn.Network"),
    ],
)
def test_parts_that_do_not_fit(encoder, decoder, said):
    with pytest.raises(ValueError, match=said):
        Autoencoder(encoder, BernoulliLikelihood(decoder))


def test_density_of_codes_makes_an_autoencoder_generate():
    torch.manual_seed(0)
    model, x = make(), grey_data(300)
    codes = model.encode(x)
    density = Density(FlowPrior(CODES, transforms=1, hidden=(8,)))
    adam = lambda parameters: torch.optim.Adam(parameters, lr=0.02)
    fit(density, codes, epochs=30, batch_size=50, optimizer=adam, progress=False)
    drawn = density.sample(2000)
    # Standard errors of the mean are below 0.05 of the codes' spread.
    assert ((drawn.mean(0) - codes.mean(0)).abs() < 0.3 * codes.std(0)).all()
    assert model.decode(drawn).mean.shape == (2000, D)


def test_density_learns_the_closed_form():
    x = torch.randn(500, 1) * 2 + 3
    density = Density(NormalPrior(1, learned=True))
    adam = lambda parameters: torch.optim.Adam(parameters, lr=0.05)
    fit(density, x, epochs=40, batch_size=100, optimizer=adam, progress=False)
    best = dist.Normal(x.mean(), x.std(correction=0)).log_prob(x).mean().item()
    report = evaluate(density, x, samples=3)
    assert report.elbo == pytest.approx(best, abs=0.02)
    assert report.kl == 0
    assert report.log_likelihood.value == pytest.approx(report.elbo, abs=1e-4)
    assert report.log_likelihood.mc_se == pytest.approx(0, abs=1e-6)
    assert "active units" not in str(report)
    assert density.sample(4, draw=False).shape == (4, 1)


@pytest.mark.parametrize("objective", [ELBO(), ImportanceWeightedELBO(num_particles=3)])
def test_every_bound_of_a_density_is_its_logarithm(objective):
    density, x = Density(MixturePrior(D, components=3)), grey_data(6)
    expected = density.prior().log_prob(x).sum().item()
    assert -objective.loss(density.model, density.guide, x) == pytest.approx(expected, rel=1e-5)
