"""Scores of codes of which the scores are known."""

import json
import math

import numpy as np
import pytest
import torch

from pyrovae.disentanglement import (
    beta_vae_score,
    dci,
    disentanglement_scores,
    factor_vae_score,
    mig,
    sap,
)

LEVELS = (3, 4, 5)
FEW = {"resamples": 2}


def grid(*, copies=8, levels=LEVELS):
    """Every combination of levels, as often as each other."""
    return torch.cartesian_prod(*[torch.arange(n) for n in levels]).repeat(copies, 1)


def noise(n, d, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


FACTORS = grid()
#: A variable for each factor, in another order, at another scale, and one that is none.
PERFECT = torch.cat(
    [
        3.0 * FACTORS[:, [2]],
        -FACTORS[:, [0]],
        0.1 * FACTORS[:, [1]] + 7,
        torch.zeros(len(FACTORS), 1),
    ],
    dim=1,
).float()
#: Nothing of the factors.
NOTHING = noise(len(FACTORS), 3)


def test_a_variable_for_each_factor_scores_one():
    scores = disentanglement_scores(PERFECT, FACTORS, categorical=[0], trees=3, **FEW)
    # On a whole grid the factors are independent, but in its halves only nearly so.
    low = {"SAP": 0.85, "DCI disentanglement": 0.99, "DCI completeness": 0.99}
    for name, score in scores.by_name.items():
        assert low.get(name, 1 - 1e-9) <= score.value <= 1 + 1e-9, name
        assert score.data_se < 0.1
    assert scores.mig.by_factor == pytest.approx([1, 1, 1])
    assert len(scores.sap.by_factor) == 3
    # Rows of the importances are variables, columns factors.
    assert np.array(scores.dci.importances).argmax(0).tolist() == [1, 2, 0]


def test_a_constant_variable_changes_no_score():
    # In most of these the mean differs from the number, by rounding, and the variance from 0.
    numbers = torch.tensor([-0.615, 0.1, 1e-3, 12345.678, 0.0], dtype=torch.float64)
    own = PERFECT[:, :3].double()
    own = own + 0.4 * own.std(0) * noise(len(own), 3)
    # First and last, since the first of equal variables is taken.
    constants = numbers.expand(len(FACTORS), -1)
    expected = disentanglement_scores(own, FACTORS, categorical=[0], trees=3, **FEW).by_name
    for codes in (torch.cat([constants, own], 1), torch.cat([own, constants], 1)):
        found = disentanglement_scores(codes, FACTORS, categorical=[0], trees=3, **FEW).by_name
        for name in ("MIG", "SAP", "FactorVAE score", "BetaVAE score"):
            assert found[name].value == pytest.approx(expected[name].value, abs=1e-9), name
    assert expected["FactorVAE score"].value > 0.99


def test_codes_of_nothing_score_what_chance_does():
    scores = disentanglement_scores(NOTHING, FACTORS, trees=3, **FEW)
    n = len(FACTORS)
    # The largest of three squared correlations of a half, n/2 times which is about chi-squared.
    assert scores.sap.value < 20 / n
    # The bias of each mutual information: (bins - 1) (levels - 1) / 2N, of a gap less.
    assert scores.mig.value < 19 * 4 / (2 * n * math.log(3))
    # A third of the votes and points, of 800: six standard errors; and what the half that the
    # classifier is fitted to has by chance in common with the other, nothing.
    chance = 6 * math.sqrt(1 / 3 * 2 / 3 / 800)
    assert abs(scores.factor_vae.value - 1 / 3) < chance + 0.1
    assert abs(scores.beta_vae.value - 1 / 3) < chance + 0.1
    assert scores.dci.disentanglement.value < 0.3
    assert scores.dci.informativeness.value < 0.4


def test_one_variable_of_two_factors_is_complete_and_not_disentangled():
    factors = grid(copies=20, levels=(3, 3))
    both = (3 * factors[:, :1] + factors[:, 1:]).float()
    found = dci(torch.cat([both, 0 * both], dim=1), factors, trees=5, **FEW)
    assert found.disentanglement.value == pytest.approx(0, abs=1e-9)
    assert found.completeness.value == pytest.approx(1)
    assert found.informativeness.value == 1.0
    # Each factor is known of one variable alone, which is all that MIG asks.
    assert mig(both, factors, **FEW).value == pytest.approx(1)


def test_two_variables_of_one_factor_are_disentangled_and_leave_no_gap():
    factors = grid(copies=30, levels=(4, 4))
    z = factors.float()
    twice = torch.cat([z, z[:, :1]], dim=1)
    score = mig(twice, factors, **FEW)
    assert score.by_factor == pytest.approx([0, 1], abs=1e-9)
    assert score.value == pytest.approx(0.5)
    gaps = sap(twice, factors, **FEW)
    assert gaps.by_factor[0] == pytest.approx(0, abs=1e-9)
    assert gaps.by_factor[1] > 0.9
    assert dci(twice, factors, trees=5, **FEW).disentanglement.value > 0.99
    # Either of the two tells that this factor was held.
    assert factor_vae_score(twice, factors, **FEW).value == 1.0


def test_mixtures_of_factors_are_less_than_the_factors():
    factors = grid(copies=20, levels=(5, 5))
    z = factors.double()
    turned = z @ torch.tensor([[1.0, 1.0], [1.0, -1.0]], dtype=torch.float64)
    straight, mixed = (disentanglement_scores(c, factors, trees=3, **FEW) for c in (z, turned))
    # By symmetry both variables say as much of each factor.
    assert mixed.mig.value == pytest.approx(0, abs=1e-9)
    assert mixed.sap.value < 0.05
    assert mixed.dci.informativeness.value == straight.dci.informativeness.value == 1.0
    assert mixed.dci.disentanglement.value < 0.5
    assert mixed.factor_vae.value < 0.7


def test_mutual_information_is_that_of_a_noisy_channel():
    """A bit that is flipped one time in ten, and a second variable of nothing."""
    factors = torch.tensor([0, 1]).repeat(500)[:, None]
    flips = (torch.arange(1000) // 2 % 10 == 0).long()[:, None]
    codes = (factors ^ flips).float()
    score = mig(codes, factors, **FEW)
    channel = math.log(2) + 0.1 * math.log(0.1) + 0.9 * math.log(0.9)
    assert score.value == pytest.approx(channel / math.log(2), abs=1e-9)
    # A correlation of 0.8, but for which half a datum is in.
    assert sap(codes, factors, **FEW).value == pytest.approx(0.64, abs=0.15)


def test_categorical_factors_need_no_order():
    levels = torch.arange(3).repeat(200)[:, None]
    factors = torch.cat([levels, torch.arange(600)[:, None] % 7 % 2], dim=1)
    z = torch.tensor([0.0, 10.0, -10.0])[levels]  # no order of the levels, yet each apart
    codes = torch.cat([z, noise(600, 1)], dim=1)
    by_order, by_name = sap(codes, factors, **FEW), sap(codes, factors, categorical=[0], **FEW)
    assert by_order.by_factor[0] < 0.5
    # The middle one of three is not told by one against the rest, the others are.
    assert by_name.by_factor[0] > by_order.by_factor[0]
    assert "linear SVM for factors [0]" in by_name.protocol
    assert "SVM" not in by_order.protocol


def test_codes_of_nothing_tell_no_level_that_most_data_have():
    factors = (torch.arange(2000) % 10 == 0).long()[:, None]
    constant, nothing = torch.zeros(2000, 1), noise(2000, 1)
    for codes in (constant, nothing, torch.cat([constant, nothing], dim=1)):
        # Half of each level by chance; six standard errors for the 100 of the rare one.
        assert sap(codes, factors, categorical=[0], **FEW).value < 6 * 0.5 * 0.5 / 10
    told = torch.cat([constant, factors.float()], dim=1)
    assert sap(told, factors, categorical=[0], **FEW).value == pytest.approx(0.5)
    # A second variable that is constant is as good as none.
    assert sap(told[:, 1:], factors, categorical=[0], **FEW).value == pytest.approx(0.5)


@pytest.mark.parametrize("score", [mig, sap], ids=lambda f: f.__name__)
def test_the_error_is_the_spread_over_data_drawn_anew(score):
    def draw(seed):
        generator = torch.Generator().manual_seed(seed)
        factors = torch.randint(0, 4, (400, 2), generator=generator)
        return factors + noise(400, 2, seed + 1000), factors

    values = torch.tensor([score(*draw(i), **FEW).value for i in range(30)])
    found = score(*draw(77), resamples=30).data_se
    # Either standard deviation has an error of an eighth, and resampling changes what it is of:
    # data drawn twice make mutual information higher and less spread.
    assert found == pytest.approx(values.std().item(), rel=0.6)


def test_the_same_seed_gives_the_same_score_and_the_protocol_is_said():
    codes = PERFECT + 0.5 * noise(len(PERFECT), 4)
    first, second = (mig(codes, FACTORS, bins=7, **FEW) for _ in range(2))
    assert first == second
    assert f"7 bins of equal width over the range of each code; {len(codes)} data" in str(first)
    assert mig(codes, FACTORS, bins=30, **FEW).value != first.value
    votes = factor_vae_score(codes, FACTORS, votes=50, group=8, **FEW)
    assert "50 votes of 8 data" in votes.protocol
    assert (
        "40 points of 5 pairs"
        in beta_vae_score(codes, FACTORS, points=40, pairs=5, **FEW).protocol
    )


def test_scores_are_plain_values():
    scores = disentanglement_scores(PERFECT, FACTORS, trees=1, **FEW)
    kept = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert kept["mig"]["value"] == scores.mig.value
    assert kept["dci"]["disentanglement"]["protocol"].startswith("random forests of 1 trees")
    assert all(name in str(scores) for name in scores.by_name)


def test_codes_of_several_dimensions_are_flattened():
    codes = PERFECT.view(len(PERFECT), 2, 2)
    assert mig(codes, FACTORS, **FEW) == mig(PERFECT, FACTORS, **FEW)


@pytest.mark.parametrize(
    ("codes", "factors", "options", "message"),
    [
        (PERFECT[:, 0], FACTORS, {}, "codes: expected floating numbers"),
        (FACTORS, FACTORS, {}, "codes: expected floating numbers"),
        (PERFECT / 0, FACTORS, {}, "codes: expected finite numbers"),
        (PERFECT, FACTORS.float(), {}, "factors: expected integers"),
        (PERFECT, FACTORS[:, 0], {}, "factors: expected integers"),
        (PERFECT[:-1], FACTORS, {}, "factors: expected integers of shape"),
        (PERFECT[:3], FACTORS[:3], {}, "expected at least 4 data"),
        (PERFECT, FACTORS * 0, {}, "expected at least two levels of each, got one of factor 0"),
        (PERFECT, FACTORS[:, :1], {}, "2 factors, got 480 and 1"),
        (PERFECT, FACTORS, {"resamples": 1}, "resamples: expected at least 2"),
        (PERFECT, FACTORS, {"bins": 1}, "bins: expected at least 2"),
        (PERFECT, FACTORS, {"trees": 0}, "trees: expected at least 1"),
        (PERFECT, FACTORS, {"categorical": [3]}, "categorical: expected positions of factors"),
        (PERFECT, FACTORS, {"seed": 0.5}, "seed: expected a whole number"),
    ],
)
def test_what_is_no_code_or_factor_is_refused(codes, factors, options, message):
    few = {"trees": 1, "resamples": 2}
    with pytest.raises(ValueError, match=message):
        disentanglement_scores(codes, factors, **few | options)


@pytest.mark.parametrize("score", [factor_vae_score, beta_vae_score], ids=lambda f: f.__name__)
def test_levels_that_no_two_data_share_are_refused(score):
    codes = noise(40, 2)
    factors = torch.stack([torch.arange(40) % 2, torch.arange(40)], dim=1)
    with pytest.raises(ValueError, match="got 20 different levels of factor 1 for 20 data"):
        score(codes, factors, **FEW)
    assert 0 <= score(codes, factors // torch.tensor([1, 20]), **FEW).value <= 1


def test_too_few_votes_and_points_are_refused():
    for score, options in (
        (factor_vae_score, {"votes": 0}),
        (factor_vae_score, {"group": 1}),
        (beta_vae_score, {"points": 9}),
        (beta_vae_score, {"pairs": 0}),
    ):
        with pytest.raises(ValueError, match="expected at least"):
            score(PERFECT, FACTORS, **options)
