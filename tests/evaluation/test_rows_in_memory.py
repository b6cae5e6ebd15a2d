"""How many draws go into a run follows the size of a datum and of the networks' layers."""

import pytest
import torch

from pyrovae import VAE, evaluate
from pyrovae.datasets import as_split
from pyrovae.evaluation.memory import BUDGET, MOST, rows_in_memory
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior


def vae(features, hidden=4):
    return VAE(
        NormalPrior(2),
        NormalPosterior(MLP(features, [hidden], 4)),
        NormalLikelihood(MLP(2, [hidden], features)),
    )


def rows(features, hidden=4):
    split = as_split(torch.rand(1, features))
    return rows_in_memory(vae(features, hidden), split, torch.device("cpu"))


def test_small_data_are_as_many_as_ever():
    assert rows(10) == MOST


@pytest.mark.parametrize(("features", "hidden"), [(300_000, 4), (10, 300_000)])
def test_a_run_has_as_many_rows_as_its_largest_tensor_leaves_room_for(features, hidden):
    """Weights do not grow with the rows, and do not count."""
    found = rows(features, hidden)
    assert found == BUDGET // (16 * 4 * 300_000)


def test_an_evaluation_runs_no_more_rows_than_that(monkeypatch):
    monkeypatch.setattr(
        "pyrovae.evaluation.memory.BUDGET", 16 * 4 * 10 * 7
    )  # 7 rows of 10 numbers
    seen = []
    model = vae(10)
    model.likelihood.register_forward_hook(lambda module, given, out: seen.append(out))
    evaluate(model, torch.rand(20, 10), train=torch.rand(30, 10), samples=12)
    assert max(out.batch_shape.numel() for out in seen) == 7
