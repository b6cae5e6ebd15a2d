"""The weight on the KL term, and its schedules."""

from functools import partial

import pytest
import torch
from exact import DependentPosteriorModel, Keeper, gaussian_loss
from torch.utils.data import DataLoader

from pyrovae import fit
from pyrovae.objectives import AnalyticKLELBO, BetaELBO
from pyrovae.training import LinearWarmup, Schedule

quiet = partial(fit, progress=False, device="cpu")


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_beta_weighs_the_kl_term_and_nothing_else(beta):
    x = torch.tensor([[1.0], [2.0], [6.0]])
    by_fit, by_objective = [], []
    history = quiet(
        DependentPosteriorModel(),
        x,
        objective=AnalyticKLELBO(),
        beta=beta,
        optimizer=partial(Keeper, seen=by_fit),
        epochs=1,
    )
    # The gradient: m - mean(x) and beta * a; the loss: gaussian + beta a^2 / 2.
    torch.testing.assert_close(by_fit[0], torch.tensor([-3.0, beta * 2.0]))
    assert history[0]["loss"] == pytest.approx(gaussian_loss(x, 0.0) + beta * 2.0, rel=1e-6)
    assert history[0]["beta"] == beta
    quiet(
        DependentPosteriorModel(),
        x,
        objective=BetaELBO(beta, elbo=AnalyticKLELBO()),
        optimizer=partial(Keeper, seen=by_objective),
        epochs=1,
    )
    torch.testing.assert_close(by_fit, by_objective)


def test_a_schedule_multiplies_the_objectives_weight():
    x = torch.tensor([[1.0], [2.0], [6.0]])
    seen = []
    history = quiet(
        DependentPosteriorModel(),
        x,
        objective=BetaELBO(3.0, elbo=AnalyticKLELBO()),
        beta=Half(),
        optimizer=partial(Keeper, seen=seen),
        epochs=1,
    )
    torch.testing.assert_close(seen[0], torch.tensor([-3.0, 0.5 * 3.0 * 2.0]))
    assert history[0]["beta"] == 1.5


class Half(Schedule):
    settled = 0.0

    def __call__(self, time):
        return 0.5


def test_the_history_has_the_weight_of_an_objective_within_another():
    objective = BetaELBO(3.0, elbo=BetaELBO(0.5, elbo=AnalyticKLELBO()))
    history = quiet(DependentPosteriorModel(), torch.ones(2, 1), objective=objective, epochs=1)
    assert history[0]["beta"] == 1.5


@pytest.mark.parametrize("objective", [BetaELBO(), BetaELBO(2.0, elbo=BetaELBO(2.0))])
def test_a_second_number_is_refused(objective):
    with pytest.raises(ValueError, match=r"beta: .*by 4 already .* multiply to 16, got 4\.0"):
        quiet(DependentPosteriorModel(), torch.ones(2, 1), objective=objective, beta=4.0)


def weights_of_steps(source, schedule, *, epochs, batch_size):
    """The weight at each step, read off the gradient with respect to a, which is beta * 2."""
    seen = []
    history = quiet(
        DependentPosteriorModel(),
        source,
        objective=AnalyticKLELBO(),
        beta=schedule,
        optimizer=partial(Keeper, seen=seen),
        epochs=epochs,
        batch_size=batch_size,
    )
    return [round(gradient[1].item() / 2, 6) for gradient in seen], history


def test_a_warm_up_grows_within_an_epoch_and_stands_in_the_history():
    x = torch.ones(8, 1)
    weights, history = weights_of_steps(x, LinearWarmup(2), epochs=3, batch_size=2)
    assert weights == [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 1, 1, 1]
    assert history.column("beta") == [0.375, 0.875, 1.0]


def test_a_warm_up_follows_the_loaders_own_batches():
    loader = DataLoader(torch.ones(8, 1), batch_size=2)
    weights, _ = weights_of_steps(loader, LinearWarmup(2), epochs=3, batch_size=128)
    assert weights == [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 1, 1, 1]


def test_any_schedule_is_taken():
    class Falling(Schedule):
        settled = 3.0

        def __call__(self, epoch):
            return max(0.0, 3.0 - epoch)

    weights, _ = weights_of_steps(torch.ones(2, 1), Falling(), epochs=4, batch_size=2)
    assert weights == [3, 2, 1, 0]
