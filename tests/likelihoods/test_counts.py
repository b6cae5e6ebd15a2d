"""The likelihoods of counts."""

import copy
import math

import numpy as np
import pytest
import torch
from small_likelihoods import DATA, made, positive, summed, vae_of
from torch import distributions as torchs
from torch.utils.data import DataLoader, Subset, TensorDataset

from pyrovae import evaluate, fit
from pyrovae.datasets import Data, TensorSplit, as_split, load_data
from pyrovae.datasets.mapped_split import MappedSplit
from pyrovae.evaluation import encode
from pyrovae.likelihoods import (
    MultinomialLikelihood,
    NegativeBinomialLikelihood,
    NormalLikelihood,
    PoissonLikelihood,
)


def test_poisson_is_pytorchs():
    likelihood = made(PoissonLikelihood)
    z, x = torch.randn(5, 2), torch.randint(20, (5, *DATA)).float()
    rate = positive(likelihood.network(z))
    torch.testing.assert_close(likelihood(z).log_prob(x), summed(torchs.Poisson(rate).log_prob(x)))
    torch.testing.assert_close(likelihood(z).mean, rate)


@pytest.mark.parametrize("dispersion", [0.5, "learned", "predicted"])
def test_negative_binomial_by_mean_and_dispersion(dispersion):
    likelihood = made(NegativeBinomialLikelihood, dispersion=dispersion).double()
    z, x = torch.randn(5, 2).double(), torch.randint(20, (5, *DATA)).double()
    y = likelihood.network(z)
    alpha = {0.5: 0.5, "learned": math.log(2) + 1e-6 + 1e-3}.get(dispersion)
    if alpha is None:
        y, raw = y[:, :2], y[:, 2:]
        alpha = positive(raw) + 1e-3
    mean, r = positive(y), torch.as_tensor(1 / alpha, dtype=torch.float64)
    each = (
        torch.lgamma(x + r)
        - torch.lgamma(x + 1)
        - torch.lgamma(r)
        + r * (r / (r + mean)).log()
        + x * (mean / (r + mean)).log()
    )
    p = likelihood(z)
    torch.testing.assert_close(p.log_prob(x), summed(each))
    torch.testing.assert_close(p.mean, mean)
    torch.testing.assert_close(p.variance, mean + alpha * mean**2)


@pytest.mark.parametrize("cls", [PoissonLikelihood, NegativeBinomialLikelihood])
@pytest.mark.parametrize("raw", [-100.0, 0.5, 30.0])
def test_counts_sum_to_one_and_draws_match(cls, raw):
    likelihood = made(cls, torch.Size([1])).double()
    with torch.no_grad():
        likelihood.network.layers[-1].weight.zero_()
        likelihood.network.layers[-1].bias.fill_(raw)
    p = likelihood(torch.zeros(1, 2).double())
    x = torch.arange(3000).double().unsqueeze(1)
    probs = p.log_prob(x).exp()
    assert probs.sum().item() == pytest.approx(1.0, abs=1e-9)
    assert (probs @ x).item() == pytest.approx(p.mean.item(), rel=1e-6)
    draws = p.sample((20_000,))
    # Five standard errors of the mean.
    error = (p.variance.item() / 20_000) ** 0.5
    assert draws.mean().item() == pytest.approx(p.mean.item(), abs=5 * error)


@pytest.mark.parametrize("cls", [PoissonLikelihood, NegativeBinomialLikelihood])
@pytest.mark.parametrize("raw", [-1e4, 1e6])
def test_counts_are_finite_with_gradients_at_extremes(cls, raw):
    likelihood = made(cls)
    with torch.no_grad():
        likelihood.network.layers[-1].bias.fill_(raw)
    x = torch.cat([torch.zeros(1, *DATA), torch.full((1, *DATA), 1e6)])
    log_prob = likelihood(torch.randn(2, 2)).log_prob(x)
    log_prob.sum().backward()
    assert log_prob.isfinite().all()
    assert all(p.grad.isfinite().all() for p in likelihood.parameters())


def test_multinomial_takes_each_total_from_the_data():
    likelihood = made(MultinomialLikelihood, total_count=5)
    z, x = torch.randn(3, 2), torch.randint(9, (3, *DATA)).float()
    logits = likelihood.network(z).flatten(1)
    p = likelihood(z)
    for i in range(3):
        expected = torchs.Multinomial(int(x[i].sum()), logits=logits[i]).log_prob(x[i].flatten())
        torch.testing.assert_close(p.log_prob(x)[i], expected)
    torch.testing.assert_close(p.mean.sum((1, 2, 3)), torch.full((3,), 5.0))
    assert p.sample().sum((1, 2, 3)).tolist() == [5.0] * 3


COUNT_LIKELIHOODS = [PoissonLikelihood, NegativeBinomialLikelihood, MultinomialLikelihood]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint16"])
@pytest.mark.parametrize("cls", COUNT_LIKELIHOODS)
def test_counts_in_a_file_reach_the_likelihood_as_they_are(cls, dtype, tmp_path):
    array = np.random.default_rng(0).poisson(100.0, (20, 4)).astype(dtype)
    np.save(tmp_path / "counts.npy", array)
    data = load_data(str(tmp_path / "counts.npy"))
    assert (data.train.take(1)[0] > 1).all()
    history = fit(vae_of(cls), data.train, epochs=1)
    assert math.isfinite(history[-1]["loss"])


BYTES = np.arange(80, dtype=np.uint8).reshape(20, 4)


def forms(tmp_path):
    """8-bit counts in every form that data come in."""
    np.save(tmp_path / "counts.npy", BYTES)
    rows = TensorDataset(torch.from_numpy(BYTES))
    return {
        "file": load_data(str(tmp_path / "counts.npy"), validation=0, test=0),
        "array": BYTES,
        "tensor": torch.from_numpy(BYTES),
        "rows": Subset(rows, range(20)),
        "loader": DataLoader(rows, batch_size=7),
        "data": Data(train=BYTES),
        "split": TensorSplit(BYTES),
    }


@pytest.mark.parametrize("form", ["file", "array", "tensor", "rows", "loader", "data", "split"])
def test_bytes_are_counts_under_a_likelihood_of_counts(form, tmp_path):
    torch.manual_seed(0)
    vae, source = vae_of(PoissonLikelihood), forms(tmp_path)[form]
    read = source.train if isinstance(source, Data) else source
    x = torch.from_numpy(BYTES).float()
    found, expected = (evaluate(vae, each, samples=2).elbo for each in (read, x))
    assert found == pytest.approx(expected, rel=0.1)  # draws depend on the batches' order
    assert torch.equal(encode(vae, read), encode(vae, x))
    torch.testing.assert_close(vae.encode(BYTES), vae.encode(x))
    trained = []
    for given in (source, x):
        torch.manual_seed(1)
        model = copy.deepcopy(vae)
        trained.append(fit(model, given, epochs=1, progress=False, batch_size=20)[-1]["loss"])
    assert trained[0] == pytest.approx(trained[1], rel=0.1)  # a loader has batches of its own
    # What is no likelihood of counts still reads them as grey levels.
    assert vae_of(NormalLikelihood).encode(BYTES).abs().max() < vae.encode(BYTES).abs().max()


def test_a_mapped_file_of_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr("pyrovae.datasets.arrays.MEMORY_LIMIT", 10)
    np.save(tmp_path / "counts.npy", BYTES)
    train = load_data(str(tmp_path / "counts.npy"), validation=0, test=0).train
    assert isinstance(train, MappedSplit)
    assert torch.equal(train.take(20)[0], torch.from_numpy(BYTES).float() / 255)
    counts = as_split(train, counts=True).take(20)[0]
    assert torch.equal(counts, torch.from_numpy(BYTES).float())


def test_grey_levels_are_no_counts():
    with pytest.raises(
        ValueError, match="expects whole numbers of at least 0, but the data contain"
    ):
        fit(vae_of(PoissonLikelihood), torch.rand(20, 4), epochs=1)
