"""Precision, recall, density and coverage, against counts by hand and what is known."""

import math

import pytest
import torch

from pyrovae.sample_quality import Features, density_coverage, precision_recall
from pyrovae.sample_quality.estimate import with_errors

NAME = "plain values 1"


def features(values):
    return Features(values.double(), NAME)


def normal(n, d=2, seed=0):
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).double()


def by_hand(real, generated, k):
    """All four numbers, one pair at a time."""

    def radius(i, points):
        others = sorted(math.dist(points[i], p) for j, p in enumerate(points) if j != i)
        return others[k - 1]

    real, generated = real.tolist(), generated.tolist()
    n, m = len(real), len(generated)
    inside = [[math.dist(f, g) <= radius(i, real) for g in generated] for i, f in enumerate(real)]
    around = [
        [math.dist(f, g) <= radius(j, generated) for f in real] for j, g in enumerate(generated)
    ]
    return {
        "precision": sum(any(inside[i][j] for i in range(n)) for j in range(m)) / m,
        "recall": sum(any(around[j][i] for j in range(m)) for i in range(n)) / n,
        "density": sum(map(sum, inside)) / (k * m),
        "coverage": sum(map(any, inside)) / n,
    }


def both(real, generated, k):
    pr = precision_recall(features(real), features(generated), neighbours=k)
    dc = density_coverage(features(real), features(generated), neighbours=k)
    return {
        "precision": pr.precision,
        "recall": pr.recall,
        "density": dc.density,
        "coverage": dc.coverage,
    }


@pytest.mark.parametrize("k", [1, 3])
def test_they_are_the_counts_that_define_them(k):
    real, generated = normal(80), 0.5 * normal(75, seed=1) + 0.4
    found, expected = both(real, generated, k), by_hand(real, generated, k)
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=1e-12), name


def test_data_themselves_are_all_precise_and_covered():
    x = normal(90)
    found = both(x, x, 3)
    assert [found[name].value for name in ("precision", "recall", "coverage")] == [1, 1, 1]
    # Each lies in its own ball, too, which data drawn anew do not.
    assert found["density"].value == pytest.approx(4 / 3)


def test_samples_that_are_elsewhere_count_for_nothing():
    found = both(normal(90), normal(90, seed=1) + 100, 3)
    assert [number.value for number in found.values()] == [0, 0, 0, 0]
    assert [number.mc_se for number in found.values()] == [0, 0, 0, 0]


def test_a_mode_that_is_missing_costs_recall_and_coverage_alone():
    places = torch.tensor([[0.0, 0.0], [100.0, 0.0]]).double()
    real = normal(200) + places.repeat(100, 1)
    found = both(real, normal(200, seed=1), 5)
    assert found["precision"].value > 0.8
    assert found["recall"].value < 0.5
    assert found["coverage"].value <= 0.5
    # Samples are twice as many where they are as data are there.
    assert found["density"].value == pytest.approx(1.0, abs=6 * found["density"].data_se)


def test_an_outlier_among_samples_makes_recall_high_and_not_coverage():
    real = normal(100)
    # Each further off than the last, on alternate sides: the balls of the first reach over all data.
    place = 100 * (-3.0) ** torch.arange(50).double()
    found = both(real, torch.stack([place, 0 * place], dim=1), 3)
    assert found["recall"].value == 1.0
    assert found["coverage"].value == 0.0
    assert found["density"].value == 0.0


def test_samples_like_data_have_a_density_of_one_and_the_coverage_that_is_known():
    found = [
        density_coverage(features(normal(80, 3, i)), features(normal(70, 3, 1000 + i)))
        for i in range(60)
    ]
    expected = 1 - math.prod((80 - i) / (70 + 80 - i) for i in range(1, 6))
    assert found[0].expected_coverage == pytest.approx(expected)
    for number, exact in (("density", 1.0), ("coverage", expected)):
        values = torch.tensor([getattr(one, number).value for one in found])
        assert abs(values.mean() - exact) < 6 * values.std() / 60**0.5, number


@pytest.mark.proof
def test_the_errors_are_the_spread_over_data_and_samples_drawn_anew():
    n, shift = 150, 1.0  # so that no share is nearly one
    fixed = normal(n), shift + normal(n, seed=1)
    new = [normal(n, seed=10 + i) for i in range(40)]
    spread = {
        "data_se": [both(x, fixed[1], 3) for x in new],
        "mc_se": [both(fixed[0], shift + x, 3) for x in new],
    }
    claims = [both(x, shift + normal(n, seed=100 + i), 3) for i, x in enumerate(new[:10])]
    # The variance of ten parts is known to a half, the mean of ten such errors to 8 %, that of 40
    # values to 11 %. A tenth of the data has more of its balls at the edge of all: a factor of two.
    for error, found in spread.items():
        for name in claims[0]:
            claimed = sum(getattr(claim[name], error) for claim in claims) / len(claims)
            true = torch.tensor([one[name].value for one in found]).std().item()
            assert true / 2 < claimed < 2 * true, (name, error, claimed / true)


def test_the_errors_are_those_of_data_in_any_order():
    # Means of ten classes that follow each other by turns, and one after another.
    n = 1000
    turns, runs = torch.arange(n).double() % 10, torch.arange(n).double() // (n // 10)
    (found,) = with_errors(lambda a, b: (turns[a].mean() - runs[b].mean()).view(1), n, n)
    exact = turns.std().item() / math.sqrt(n)
    # The standard deviation of ten parts is known to 1 / sqrt(18), 24 %: four of these.
    assert found.data_se == pytest.approx(exact, rel=0.95)
    assert found.mc_se == pytest.approx(exact, rel=0.95)


def test_the_network_stands_in_every_number():
    x = features(normal(90))
    for found in (precision_recall(x, x), density_coverage(x, x, neighbours=4)):
        assert found.network == NAME
        assert all(line.count(NAME) == 1 for line in str(found).splitlines())
        assert f"k = {found.neighbours}" in str(found)


@pytest.mark.parametrize("measure", [precision_recall, density_coverage])
def test_what_does_not_compare_is_refused(measure):
    x = features(normal(90))
    with pytest.raises(ValueError, match="expected features of the same network"):
        measure(x, Features(normal(90), "plain values 2"))
    with pytest.raises(ValueError, match="the same number of features of both, got 2 and 3"):
        measure(x, features(normal(90, 3)))
    with pytest.raises(ValueError, match="generated: expected at least 50 data for 3 neighbours"):
        measure(x, features(normal(25)), neighbours=3)
    with pytest.raises(ValueError, match="neighbours: expected at least 1"):
        measure(x, x, neighbours=0)
