"""Two players in one step: who moves when, what is written of both, and what is refused."""

import math
from functools import partial

import pyro.infer
import pytest
import torch
from games import ADVERSARIES, DATA, LATENT, images, mlp, pair, quiet, same, state, vae
from torch import nn
from torch.optim import SGD, Adam

from pyrovae import load, save
from pyrovae.adversaries import (
    PatchAdversary,
    PriorAdversary,
    Seen,
    TotalCorrelationAdversary,
)
from pyrovae.datasets import Data
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.training import Callback, Diverged
from pyrovae.training.gradients import Gradients
from pyrovae.training.player import make_player

every = pytest.mark.parametrize("name", ADVERSARIES)


@every
def test_each_player_moves_in_its_own_turn_alone(name):
    """With no learning rate for one of the two, the other still moves: nothing is shared."""
    for still in ("model", "adversary"):
        model, adversary = pair(name)
        before = {"model": state(model), "adversary": state(adversary.network)}
        rates = {"model": 0.01, "adversary": 0.01} | {still: 0.0}
        quiet(
            model,
            images(),
            adversary=adversary,
            epochs=1,
            optimizer=partial(SGD, lr=rates["model"]),
            adversary_optimizer=partial(SGD, lr=rates["adversary"]),
        )
        after = {"model": state(model), "adversary": state(adversary.network)}
        assert {who: same(before[who], after[who]) for who in before} == {
            who: who == still for who in before
        }
        assert adversary.steps == 3


@every
def test_gradients_are_those_of_each_players_own_loss(name):
    model, adversary = pair(name, weight=0.7)
    x, parameters = images(), list(model.parameters())
    player = make_player(adversary, None, model, torch.device("cpu"))
    gradients = Gradients(model.model, model.guide, ELBO(), player=player)
    torch.manual_seed(1)
    losses = gradients(parameters, (x,))
    found = [p.grad.clone() for p in parameters], [p.grad.clone() for p in player.parameters]

    torch.manual_seed(1)
    seen = Seen(model.model, model.guide, (x,))
    loss = ELBO().differentiable_loss(*seen.programs, x)
    penalty = 0.7 * 12 * adversary.penalty(seen)
    own = 12 * adversary.own_loss(seen)
    torch.testing.assert_close(losses, torch.stack([loss, penalty, own]).detach())
    expected = (
        torch.autograd.grad((loss + penalty) / 12, parameters, retain_graph=True),
        torch.autograd.grad(own / 12, player.parameters, materialize_grads=True),
    )
    for mine, theirs in zip(found, expected, strict=True):
        for a, b in zip(mine, theirs, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_history_has_columns_of_the_game_and_validation_is_without_it():
    torch.manual_seed(0)
    model, adversary = vae(), PriorAdversary(mlp(LATENT, 1), weight=1e6)
    seen = []

    class Notes(Callback):
        def on_step(self, training, loss):
            seen.append(loss.shape)

    data = Data(images(), validation=images(6))
    still = {"optimizer": partial(SGD, lr=0.0), "epochs": 1, "callbacks": [Notes()]}
    (row,) = quiet(model, data, adversary=adversary, **still)
    (plain,) = quiet(model, data, **still)
    assert set(row) - set(plain) == {"adversarial_loss", "adversary_loss"}
    assert row["adversarial_loss"] > 1e5
    assert row["adversary_loss"] == pytest.approx(math.log(2), abs=0.5)
    for column in ("validation_loss", "validation_elbo"):
        assert row[column] == plain[column]
    assert set(seen) == {torch.Size([])}


def test_a_saved_model_has_nothing_of_its_adversary(tmp_path):
    model, adversary = pair("FeatureAdversary")
    names = list(model.state_dict())
    quiet(model, images(), adversary=adversary, epochs=1, checkpoint=tmp_path / "run.pt")
    assert list(model.state_dict()) == names
    save(model, tmp_path / "model.pt")
    for file in ("model.pt", "run.pt"):
        loaded = load(tmp_path / file)
        assert list(loaded.state_dict()) == names
        assert same(state(loaded), state(model))


class Stops(Callback):
    def on_step(self, training, loss):
        if training.step == 4:
            training.stop("enough")


@every
def test_going_on_gives_the_bits_of_a_run_without_interruption(name, tmp_path):
    options = {"epochs": 3, "optimizer": partial(Adam, lr=0.01)}
    model, adversary = pair(name, start=2)
    whole = quiet(model, images(), adversary=adversary, **options)
    first = pair(name, start=2)
    file = {"checkpoint": tmp_path / "run.pt"}
    quiet(first[0], images(), adversary=first[1], callbacks=[Stops()], **file, **options)
    other = pair(name, seed=9, start=2)
    history = quiet(other[0], images(), adversary=other[1], resume=True, **file, **options)
    assert same(state(*other), state(model, adversary))
    for column in ("loss", "adversarial_loss", "adversary_loss"):
        assert history.column(column) == whole.column(column)


def test_a_run_goes_on_with_an_adversary_where_it_was_begun_with_one(tmp_path):
    model, adversary = pair("PriorAdversary")
    file = {"checkpoint": tmp_path / "run.pt"}
    quiet(model, images(), adversary=adversary, epochs=1, **file)
    words = "adversary: the run was started with an adversary, but none was given"
    with pytest.raises(ValueError, match=words):
        quiet(vae(), images(), epochs=2, resume=True, **file)
    # A network of the same shapes, in another game.
    like = TotalCorrelationAdversary(MLP(LATENT, [7], 1))
    quiet(vae(), images(), adversary=like, epochs=1, checkpoint=tmp_path / "like.pt")
    words = "started with the class 'pyrovae.adversaries.total_correlation.TotalCorrelationAdversary', got"
    other = PriorAdversary(MLP(LATENT, [7], 1))
    with pytest.raises(ValueError, match=words):
        quiet(
            vae(),
            images(),
            adversary=other,
            epochs=2,
            resume=True,
            checkpoint=tmp_path / "like.pt",
        )
    with pytest.raises(ValueError, match="adversary: the weights do not fit"):
        quiet(vae(), images(), adversary=other, epochs=2, resume=True, **file)
    quiet(model, images(), epochs=1, **file)
    with pytest.raises(
        ValueError, match="adversary: the run was started without an adversary, but one was given"
    ):
        quiet(model, images(), adversary=adversary, epochs=2, resume=True, **file)


def test_an_adversary_that_diverges_is_named_and_both_are_put_back():
    model, adversary = pair("PriorAdversary")

    class Spoils(Callback):
        def on_step(self, training, loss):
            with torch.no_grad():
                next(adversary.network.parameters()).fill_(math.nan)

    before = state(model, adversary)
    with pytest.raises(Diverged, match="'adversary.network.layers.* is not finite"):
        quiet(model, images(), adversary=adversary, epochs=2, callbacks=[Spoils()])
    assert same(before, state(model, adversary))


class Breaks(PatchAdversary):
    """One whose own loss is no number."""

    def own_loss(self, seen):
        return super().own_loss(seen) * math.nan


def test_a_loss_of_the_adversary_that_is_no_number_moves_nobody():
    torch.manual_seed(0)
    model, adversary = vae(), Breaks(mlp(DATA, 1))
    before = state(model, adversary.network)
    with pytest.raises(Diverged, match="gradient of parameter 'adversary.|loss of the game"):
        quiet(model, images(), adversary=adversary, epochs=1)
    assert same(before, state(model, adversary.network))


def test_batches_in_parts_add_up():
    weights = []
    for accumulate in (1, 2):
        model, adversary = pair("PatchAdversary-fixed")
        with torch.no_grad():  # codes next to without noise, which parts would draw otherwise
            last = [m for m in model.posterior.modules() if isinstance(m, nn.Linear)][-1]
            last.weight[LATENT:], last.bias[LATENT:] = 0.0, -15.0
        for parameter in last.parameters():
            parameter.requires_grad_(False)
        quiet(model, images(), adversary=adversary, epochs=1, accumulate=accumulate)
        weights.append(state(model, adversary))
    for a, b in zip(*weights, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["PatchAdversary", "TotalCorrelationAdversary"])
def test_what_looks_across_the_batch_takes_it_whole(name):
    model, adversary = pair(name)
    with pytest.raises(ValueError, match=f"accumulate: .* {name} depends on the whole batch"):
        quiet(model, images(), adversary=adversary, epochs=1, accumulate=2)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"adversary": "PatchAdversary"}, "adversary: expected an object of a subclass of"),
        (
            {"adversary_optimizer": Adam},
            "adversary_optimizer: expected an adversary to train",
        ),
        (
            {
                "adversary": PriorAdversary(mlp(LATENT, 1)),
                "objective": pyro.infer.RenyiELBO(num_particles=2),
            },
            "objective: RenyiELBO has no loss to differentiate",
        ),
    ],
)
def test_what_cannot_be_a_game_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        quiet(vae(), images(), epochs=1, **options)


def test_a_network_of_the_models_is_refused():
    model = vae()
    with pytest.raises(ValueError, match="adversary: it shares a parameter with the model"):
        quiet(model, images(), adversary=PatchAdversary(model.posterior.network), epochs=1)


@pytest.mark.parametrize(
    ("name", "traced"),
    [
        ("PatchAdversary-fixed", True),
        pytest.param("PatchAdversary-fixed", False, marks=pytest.mark.proof),
        pytest.param("PatchAdversary", False, marks=pytest.mark.proof),
    ],
)
def test_a_compiled_game_follows_the_eager_one(name, traced, request):
    if traced:
        request.getfixturevalue("only_traced")
    found = []
    for compile in (False, True):
        model, adversary = pair(name, start=1)
        data = images(8)
        history = quiet(model, data, adversary=adversary, epochs=2, compile=compile)
        found.append((state(model, adversary), history))
    assert found[1][1].compiled.startswith("compiled")
    for a, b in zip(found[0][0], found[1][0], strict=True):
        # Adam's first steps go by the sign of a gradient: roundings of next to nothing show there.
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)
    for column in ("loss", "adversarial_loss", "adversary_loss"):
        assert found[1][1].column(column) == pytest.approx(found[0][1].column(column), rel=1e-3)
