"""The report: what it says, and that looking changes nothing."""

import json
import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from linear_gaussian import data, exact_vae, poor_vae
from pyro import poutine
from tiny import FEATURES, binary_data, grey_data, same, state, tiny_vae
from torch import Size
from torch.distributions import Distribution
from torch.utils.data import DataLoader, Dataset, TensorDataset

from pyrovae import VAE, evaluate, fit
from pyrovae.datasets import TensorSplit
from pyrovae.evaluation import elbo, inference_gap, log_likelihood
from pyrovae.likelihoods import BernoulliLikelihood, NormalLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors.base import Posterior
from pyrovae.priors import NormalPrior

LOOKS = {
    "evaluate": lambda vae, x: evaluate(vae, x, train=x, samples=3),
    "elbo": lambda vae, x: elbo(vae, TensorSplit(x)),
    "log_likelihood": lambda vae, x: log_likelihood(vae, TensorSplit(x), samples=3),
}
looks = pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)


class Pairs(Dataset):
    def __init__(self, x):
        self.x = x

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return self.x[i], i % 3


class FixedPosterior(Posterior):
    """q(z|x) = N(x A, 1) for a matrix A that a test chooses, (features, latents)."""

    def __init__(self, matrix, scale=1.0):
        super().__init__()
        self.register_buffer("matrix", matrix)
        self.latent_shape = Size([matrix.shape[1]])
        self.scale = scale

    def forward(self, x):
        return dist.Normal(x @ self.matrix, self.scale).to_event(1)

    @classmethod
    def network_shape(cls, latent_features, **options):
        raise NotImplementedError


def fixed_vae(matrix, scale=1.0):
    n = matrix.shape[1]
    decoder = MLP(n, [], FEATURES)
    return VAE(NormalPrior(n), FixedPosterior(matrix, scale), BernoulliLikelihood(decoder))


# Nothing changes


@looks
def test_weights_buffers_gradients_and_modes_stay(look):
    vae = tiny_vae(batch_norm=True, dropout=0.5, vamp=True).train()
    vae.likelihood.eval()
    vae.posterior(grey_data(50))  # so that the running statistics differ from the data's
    before, modes = state(vae), [m.training for m in vae.modules()]
    look(vae, binary_data())
    assert same(state(vae), before)
    assert [m.training for m in vae.modules()] == modes
    assert all(p.grad is None for p in vae.parameters())


@looks
def test_the_callers_random_state_stays(look):
    before = torch.get_rng_state()
    look(tiny_vae(), binary_data())
    assert torch.get_rng_state().equal(before)


def test_random_training_data_leave_the_random_state_too():
    x = grey_data()
    before = torch.get_rng_state()
    for train in (
        TensorSplit(x, binarization="dynamic"),
        DataLoader(Pairs(x), batch_size=5, shuffle=True),
    ):
        evaluate(tiny_vae(), x, train=train, samples=3)
        assert torch.get_rng_state().equal(before)


@looks
def test_the_callers_param_store_stays(look):
    store = pyro.get_param_store()
    with store.scope():
        pyro.param("mine", torch.tensor(2.0))
        look(tiny_vae(), binary_data())
        assert set(store.keys()) == {"mine"}


@looks
@pytest.mark.parametrize("pyros", [True, False])
@pytest.mark.parametrize("torchs", [True, False])
def test_the_validation_flags_stay(look, pyros, torchs):
    vae, x = tiny_vae(), binary_data()
    with pyro.validation_enabled(pyros):
        Distribution.set_default_validate_args(torchs)
        look(vae, x)
        assert Distribution._validate_args is torchs
        assert dist.is_validation_enabled() is pyros
        assert pyro.infer.util.is_validation_enabled() is pyros
        assert poutine.util.is_validation_enabled() is pyros


@looks
def test_the_model_is_read_in_evaluation_mode(look):
    vae = tiny_vae(dropout=0.9, batch_norm=True).train()
    there = look(vae, binary_data())
    assert look(vae.eval(), binary_data()) == there


@looks
def test_what_is_no_module_is_looked_at_too(look):
    class Plain:
        def __init__(self):
            self.vae = tiny_vae()
            self.model = self.vae.model
            self.guide = self.vae.guide

        def parameters(self):
            return self.vae.parameters()

    assert look(Plain(), binary_data()) == look(tiny_vae(), binary_data())


@looks
def test_an_error_gives_everything_back(look):
    vae = tiny_vae().train()
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="4"):
        look(vae, torch.zeros(5, 3))
    assert torch.get_rng_state().equal(before)
    assert all(m.training for m in vae.modules())
    assert Distribution._validate_args


# Data


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: (x, x),
        lambda x: TensorDataset(x, torch.arange(len(x))),
        Pairs,
        lambda x: DataLoader(Pairs(x), batch_size=100),
    ],
)
def test_sources_of_data_and_of_tuples(wrap):
    # The training data are given in the same way; labels beside x are not the model's to take.
    # With the exact posterior no draw matters, and a DataLoader's own cannot either.
    vae, x = exact_vae(), data(6)
    report = evaluate(vae, wrap(x), train=wrap(x), samples=2)
    evidence = vae.likelihood.log_evidence(x).mean().item()
    assert report.elbo == pytest.approx(evidence, abs=1e-9)
    assert report.train_elbo == pytest.approx(evidence, abs=1e-9)
    assert report.data == 6


def test_one_seed_gives_the_same_report_and_another_does_not():
    vae = tiny_vae()
    split = TensorSplit(grey_data(), binarization="dynamic")
    first, again, other = (evaluate(vae, split, samples=5, seed=s) for s in (1, 1, 2))
    assert first == again
    assert first.elbo != other.elbo
    assert first.binarization == "dynamic"


def test_the_draws_of_dynamic_binarization_are_evaluated():
    # Under a decoder that is sure of ones, a grey level of 0.5 costs 5 a variable on average.
    vae = fixed_vae(torch.zeros(FEATURES, 1))
    torch.nn.init.zeros_(vae.likelihood.network.layers[-1].weight)
    torch.nn.init.constant_(vae.likelihood.network.layers[-1].bias, 10.0)
    split = TensorSplit(torch.full((400, FEATURES), 0.5), binarization="dynamic")
    report = evaluate(vae, split, samples=1)
    ones = math.log(torch.tensor(10.0).sigmoid().item())
    # Each of 1600 bits costs 10 or about 0: the mean is 5 with an error of 5 / sqrt(1600) a
    # variable, so four variables are off by less than 4 * 0.125 * 4.
    assert report.reconstruction == pytest.approx(4 * (ones - 5.0), abs=2.0)
    assert report.is_density


# Densities


@pytest.mark.parametrize(
    ("normal", "x", "expected"),
    [
        (False, binary_data(), True),
        (False, grey_data(), False),
        # One grey datum, and not in the last batch.
        (False, torch.cat([torch.full((1, FEATURES), 0.5), binary_data()]), False),
        (True, grey_data(), True),
        (True, binary_data(), True),
    ],
)
def test_grey_levels_under_a_bernoulli_are_no_density(normal, x, expected):
    report = evaluate(tiny_vae(normal=normal), x, samples=2, batch_size=5)
    assert report.is_density is expected
    words = "cross-entropy, not a log-likelihood"
    assert (words in str(report)) is not expected


# Latents


def test_a_constant_mean_is_no_active_unit():
    x = binary_data(30)
    matrix = torch.eye(FEATURES)[:, :3].clone()
    for inactive in range(3):
        report = evaluate(fixed_vae(matrix), x, samples=20)
        assert report.active_units == {"z": 3 - inactive}
        assert report.units == {"z": 3}
        matrix[:, inactive] = 0.0


def test_a_unit_is_active_above_a_variance_of_one_hundredth():
    # A bit that is one in half of the data has variance 1/4: 0.19^2 / 4 < 0.01 < 0.21^2 / 4.
    x = torch.tensor([[0.0], [1.0]]).repeat(10, FEATURES)
    matrix = torch.zeros(FEATURES, 2)
    matrix[0] = torch.tensor([0.19, 0.21])
    assert evaluate(fixed_vae(matrix), x, samples=2, batch_size=3).active_units == {"z": 1}


def test_the_variance_is_that_over_all_batches():
    # Constant within each batch of ten and different between the two.
    x = torch.cat([torch.zeros(10, FEATURES), torch.ones(10, FEATURES)])
    report = evaluate(fixed_vae(torch.eye(FEATURES)), x, samples=2, batch_size=10)
    assert report.active_units == {"z": FEATURES}


def test_a_collapsed_posterior_is_warned_of():
    matrix = torch.zeros(FEATURES, 2)
    report = evaluate(fixed_vae(matrix), binary_data(), samples=50)
    assert [("collapsed" in w, "'z'" in w) for w in report.warnings] == [(True, True)]
    assert report.warnings[0] in str(report)
    matrix[0, 0] = 1.0
    assert evaluate(fixed_vae(matrix), binary_data(), samples=50).warnings == []


# What the report says


def test_a_small_effective_sample_size_is_warned_of():
    # Posteriors a hundredth as wide as the prior and far off: few draws carry all the weight.
    narrow = fixed_vae(5 * torch.eye(FEATURES), scale=0.01)
    torch.nn.init.constant_(narrow.likelihood.network.layers[-1].weight, 500.0)
    report = evaluate(narrow, binary_data(), samples=30)
    assert report.log_likelihood.ess < 10
    (warning,) = report.warnings
    assert "effective sample size" in warning
    assert "30 draws" in warning
    assert warning in str(report)
    assert evaluate(fixed_vae(torch.eye(FEATURES)), binary_data(), samples=100).warnings == []


def test_the_gap_is_by_how_much_the_bound_is_better_on_training_data():
    vae = exact_vae()
    x, other = data(30)[:10], data(30)[10:]
    report = evaluate(vae, x, train=other, samples=2)
    evidence = vae.likelihood.log_evidence
    # As many training data as there are data: the first ten of twenty.
    assert report.train_elbo == pytest.approx(evidence(other[:10]).mean().item(), abs=1e-9)
    assert report.elbo == pytest.approx(evidence(x).mean().item(), abs=1e-9)
    assert report.gap == pytest.approx(report.train_elbo - report.elbo)
    assert f"{report.gap:.3f}" in str(report)
    without = evaluate(vae, x, samples=2)
    assert without.train_elbo is None
    assert without.gap is None
    assert "train" not in str(without)


def test_fewer_training_data_than_data_are_all_taken():
    vae = exact_vae()
    report = evaluate(vae, data(10), train=data(10)[:3], samples=2)
    evidence = vae.likelihood.log_evidence(data(10)[:3]).mean().item()
    assert report.train_elbo == pytest.approx(evidence, abs=1e-9)


def test_the_report_is_plain_values_for_json():
    report = evaluate(poor_vae(), data(), train=data(), samples=20)
    values = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert values["elbo"] == report.elbo
    assert values["gap"] == report.gap
    assert values["log_likelihood"]["samples"] == 20
    assert values["log_likelihood"]["mc_se"] == report.log_likelihood.mc_se
    assert values["active_units"] == report.active_units
    assert values["data"] == 6


def test_the_printed_form_says_what_the_numbers_are():
    split = TensorSplit(grey_data(), binarization="threshold")
    report = evaluate(tiny_vae(), split, samples=37)
    text = str(report)
    assert "S = 37" in text
    assert "binarization threshold" in text
    assert "12 data" in text
    assert "nats per datum" in text
    assert f"{report.elbo:.3f}" in text
    assert f"{report.log_likelihood.value:.3f}" in text
    assert f"mc_se {report.log_likelihood.mc_se:.3f}" in text
    assert f"data_se {report.log_likelihood.data_se:.3f}" in text
    assert f"{report.active_units['z']} of 2 in z" in text


@pytest.mark.parametrize("name", ["samples", "batch_size", "rows"])
def test_evaluate_refuses_numbers_that_are_not_positive(name):
    with pytest.raises(ValueError, match=f"{name}.*at least 1"):
        evaluate(tiny_vae(), binary_data(), **{name: 0})


@pytest.mark.parametrize("look", [elbo, log_likelihood])
def test_at_least_one_draw_is_needed(look):
    with pytest.raises(ValueError, match="samples: expected at least 1, got 0"):
        look(tiny_vae(), TensorSplit(binary_data()), samples=0)


def test_a_global_latent_has_no_weight_for_each_datum():
    class Global:
        def parameters(self):
            return []

        def model(self, x):
            m = pyro.sample("m", dist.Normal(0.0, 1.0))
            with pyro.plate("data", len(x), dim=-1):
                pyro.sample("x", dist.Normal(m[..., None], 1.0).to_event(1), obs=x)

        def guide(self, x):
            pyro.sample("m", dist.Normal(0.0, 1.0))

    with pytest.raises(ValueError, match="'m'"):
        evaluate(Global(), torch.zeros(3, 1), samples=2)


def test_the_weight_on_the_kl_term_is_never_reported():
    vae = tiny_vae()
    x = binary_data()
    row = fit(vae, x, epochs=1, beta=7.0, progress=False, device="cpu")[0]
    assert row["beta"] == 7.0
    bound = elbo(vae, TensorSplit(x), samples=10)
    report = evaluate(vae, x, samples=10)
    assert bound.elbo == pytest.approx(bound.reconstruction - bound.kl)
    # One batch and one seed: evaluate and elbo make the same draws.
    assert report.elbo == pytest.approx(bound.elbo, abs=1e-6)


# Data that the model cannot have produced


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.full((5, FEATURES), 3.0), r"'x'.*\[0, 1\].*3 to 3"),
        (torch.cat([binary_data(2000), torch.full((1, FEATURES), -1.0)]), r"\[0, 1\].*-1"),
        (torch.full((5, FEATURES), math.nan), "NaN"),
    ],
)
def test_data_outside_the_support_are_refused(x, message):
    with pytest.raises(ValueError, match=message):
        evaluate(tiny_vae(), x, samples=2)
    with pytest.raises(ValueError, match=message):
        inference_gap(tiny_vae(), x, samples=2, steps=1)


def test_training_data_outside_the_support_are_refused():
    with pytest.raises(ValueError, match=r"'x'.*\[0, 1\].*3 to 3"):
        evaluate(tiny_vae(), binary_data(), train=torch.full((5, FEATURES), 3.0), samples=2)


class Unsaid(dist.Normal):
    """A normal distribution that does not say its support, as PyTorch allows."""

    @property
    def support(self):
        raise NotImplementedError


def test_a_likelihood_that_does_not_say_its_support_takes_any_data():
    class UnsaidLikelihood(NormalLikelihood):
        def forward(self, z):
            return Unsaid(self.network(z), 1.0).to_event(1)

    vae = tiny_vae()
    vae.likelihood = UnsaidLikelihood(MLP(2, [], FEATURES))
    assert math.isfinite(evaluate(vae, 3 * grey_data(), samples=2).elbo)
    with pytest.raises(ValueError, match="NaN"):
        evaluate(vae, torch.full((5, FEATURES), math.nan), samples=2)
