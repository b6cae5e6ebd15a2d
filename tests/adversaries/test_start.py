"""When the adversary starts, and which steps it counts."""

import pyro
import pytest
import torch
from games import images, pair, quiet, same, state
from torch.optim import Adam, AdamW

from pyrovae.objectives import ELBO
from pyrovae.training import Callback
from pyrovae.training.gradients import Gradients
from pyrovae.training.player import make_player
from pyrovae.training.step import Step


def test_before_it_starts_it_is_neither_heard_nor_trained():
    weights = []
    for start in (100, None, 2):
        model, adversary = pair("PatchAdversary", start=start or 0)
        before = state(adversary.network)
        game = {} if start is None else {"adversary": adversary}
        history = quiet(model, images(), epochs=1, **game)
        weights.append(state(model))
        if start == 100:
            assert same(before, state(adversary.network))
            assert history[0]["adversarial_loss"] == history[0]["adversary_loss"] == 0.0
        elif start == 2:
            assert not same(before, state(adversary.network))
    assert same(weights[0], weights[1])
    assert not same(weights[0], weights[2])


@pytest.mark.parametrize("compiled", [False, True])
def test_its_first_step_is_that_of_a_fresh_optimizer(compiled, request):
    """Steps along zero gradients would decay the weights and count in Adam's corrections."""
    if compiled:
        request.getfixturevalue("only_traced")
    model, adversary = pair("PatchAdversary-fixed", start=5)
    before, at, made = list(adversary.network.parameters()), {}, []
    begin = [p.detach().clone() for p in before]

    class Notes(Callback):
        def on_step(self, training, loss):
            at[training.step] = [p.detach().clone() for p in before]

    def adamw(parameters):
        made.append(AdamW(parameters, lr=0.01, weight_decay=0.5))
        return made[-1]

    game = {"adversary": adversary, "adversary_optimizer": adamw}
    options = {"epochs": 2, "compile": compiled, "callbacks": [Notes()]}
    history = quiet(model, images(), **game, **options)
    assert history.compiled.startswith("compiled") == compiled
    assert adversary.steps == 6
    assert same(at[5], begin)
    for p, a, b in zip(before, begin, at[6], strict=True):
        taken = made[0].state[p]
        assert taken["step"] == 1
        gradient = taken["exp_avg"] / 0.1
        # Adam's first step is by the learning rate, but for its term 1e-8 in the denominator.
        expected = a * (1 - 0.01 * 0.5) - 0.01 * gradient / (gradient.abs() + 1e-8)
        torch.testing.assert_close(b, expected, rtol=1e-4, atol=1e-6)


def test_skipped_steps_do_not_count():
    model, adversary = pair("PriorAdversary")
    player = make_player(adversary, None, model, torch.device("cpu"))
    gradients = Gradients(model.model, model.guide, ELBO(), player=player)
    step = Step(list(model.parameters()), gradients, Adam(model.parameters()))
    broken = torch.full_like(images(), torch.nan)
    with pyro.validation_enabled(False):
        for batch, steps in ((broken, 0), (images(), 1), (broken, 1)):
            step((batch,))
            assert adversary.steps == steps
