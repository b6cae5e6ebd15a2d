"""A likelihood for each column: right densities, in the column's own units, of what was seen."""

import math
from itertools import pairwise

import pytest
import torch
from numbers_of_networks import Constant
from torch.distributions import Bernoulli, Categorical, Normal

from pyrovae import load, save
from pyrovae.columns import Column
from pyrovae.likelihoods import ColumnsLikelihood
from pyrovae.nn import MLP

COLUMNS = (
    Column("height", "real", 170.0, 10.0),
    Column("colour", "categorical", levels=("red", "green", "blue")),
    Column("income", "positive", 10.0, 0.5),
    Column("visits", "count", 1.0, 0.8, whole=True),
    Column("member", "binary", levels=(False, True)),
    Column("grade", "ordinal", levels=(1, 2, 3, 4)),
)
# What a network puts out for one datum: a number each, three for the colours.
HEIGHT, *COLOUR, INCOME, VISITS, MEMBER, GRADE = [0.3, 0.2, -1.0, 0.5, -0.4, 0.7, 1.1, 0.6]
OUTPUT = [HEIGHT, *COLOUR, INCOME, VISITS, MEMBER, GRADE]
ROW = [172.0, 2.0, 3.0e4, 4.0, 1.0, 2.0]
S = math.log(2) + 1e-6  # a scale or dispersion whose parameter is 0


def made(columns=COLUMNS, output=OUTPUT, **options):
    network = Constant(2, [len(output)], output, torch.float64)
    return ColumnsLikelihood(network, columns, **{"min_scale": 0.0} | options).double()


def given(likelihood, n):
    """The columns' distributions for n data."""
    return likelihood(torch.zeros(n, 2).double()).base_dist


def each(likelihood, *rows):
    """The log-density of each column's value."""
    return given(likelihood, len(rows)).log_prob(torch.tensor(rows, dtype=torch.float64))


def thresholds(likelihood):
    raw = likelihood.raw_thresholds[0].detach()
    distances = torch.nn.functional.softplus(raw[1:]) + 1e-6
    return torch.cat([raw[:1], raw[0] + distances.cumsum(0)])


def number(x):
    return torch.tensor(x, dtype=torch.float64)


def test_each_column_has_its_family():
    likelihood = made()
    log_income = math.log(3e4)
    mean, r = math.exp(1 + 0.8 * VISITS), 1 / S
    visits = math.lgamma(4 + r) - math.lgamma(5) - math.lgamma(r)
    visits += r * math.log(r / (r + mean)) + 4 * math.log(mean / (r + mean))
    below = torch.sigmoid(thresholds(likelihood) - GRADE)
    expected = [
        Normal(number(170 + 10 * HEIGHT), 10 * S).log_prob(number(172.0)),
        Categorical(logits=number(COLOUR)).log_prob(torch.tensor(2)),
        Normal(number(10 + 0.5 * INCOME), 0.5 * S).log_prob(number(log_income)) - log_income,
        number(visits),
        Bernoulli(logits=number(MEMBER)).log_prob(number(1.0)),
        (below[2] - below[1]).log(),
    ]
    found = each(likelihood, ROW)[0]
    # The network's output is kept in single precision.
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-6, atol=1e-6)
    total = likelihood(torch.zeros(1, 2).double()).log_prob(number([ROW]))
    torch.testing.assert_close(total, found.sum()[None])


@pytest.mark.parametrize("place", [0, 2])
def test_densities_integrate_to_one_in_the_columns_units(place):
    likelihood = made()
    low, high = ((0.0, 340.0), (1.0, 4e6))[place // 2]
    values = torch.linspace(low, high, 2_000_001).double()
    p = given(likelihood, 1)
    density = next(
        part.log_prob(values[:, None, None])[:, 0, index.tolist().index(place)].exp()
        for part, index in zip(p.parts, p.indices, strict=True)
        if place in index
    )
    # The ends leave out less than 1e-6, the trapezoids are off by less.
    assert torch.trapezoid(density, values).item() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("place", "values"), [(1, 3), (3, 2000), (4, 2), (5, 4)])
def test_probabilities_add_up_to_one(place, values):
    rows = [[v if i == place else x for i, x in enumerate(ROW)] for v in map(float, range(values))]
    found = each(made(), *rows)[:, place].exp().sum()
    assert found.item() == pytest.approx(1, abs=1e-9)


def test_another_unit_moves_the_density_by_its_logarithm():
    """Height in metres, income in thousands: the same model, by the Jacobian."""
    metres = Column("height", "real", 1.7, 0.1)
    thousands = Column("income", "positive", 10.0 - math.log(1000), 0.5)
    columns = (metres, COLUMNS[1], thousands, *COLUMNS[3:])
    row = [ROW[0] / 100, ROW[1], ROW[2] / 1000, *ROW[3:]]
    change = (each(made(columns), row) - each(made(), ROW))[0]
    expected = number([math.log(100), 0.0, math.log(1000), 0.0, 0.0, 0.0])
    torch.testing.assert_close(change, expected)


@pytest.mark.parametrize("location", [0.0, 30.0, -30.0, 1e4, -1e8])
def test_ordinal_probabilities_keep_their_digits(location):
    """Against the difference of sigmoids with as many digits as it takes."""
    import mpmath as mp

    column = Column("grade", "ordinal", levels=(1, 2, 3, 4, 5))
    likelihood = made((column,), [location])
    with mp.workdps(30), mp.extraprec(int(3 * abs(location)) if abs(location) < 1e5 else 0):
        t = [mp.mpf(v.item()) for v in thresholds(likelihood)]
        below = [mp.mpf(0), *(1 / (1 + mp.exp(location - v)) for v in t), mp.mpf(1)]
        share = [b - a for a, b in pairwise(below)]
        expected = [float(mp.log(v)) if v > 0 else None for v in share]
    found = each(likelihood, *[[float(k)] for k in range(5)])[:, 0]
    assert found.isfinite().all()
    assert found.exp().sum().item() == pytest.approx(1)
    for value, right in zip(found.tolist(), expected, strict=True):
        if right is not None:
            assert value == pytest.approx(right, rel=1e-9, abs=1e-9)


def test_thresholds_begin_even():
    likelihood = made((Column("grade", "ordinal", levels=(1, 2, 3, 4)),), [0.0])
    probs = each(likelihood, [0.0], [1.0], [2.0], [3.0]).exp()
    torch.testing.assert_close(probs, torch.full((4, 1), 0.25).double(), rtol=1e-4, atol=1e-4)


def test_draws_are_of_the_density():
    n = 40_000
    p = given(made(), n)
    x = p.sample()
    log_prob = p.log_prob(x)
    assert log_prob.isfinite().all()
    for place, k in ((1, 3), (4, 2), (5, 4)):
        share = torch.bincount(x[:, place].long(), minlength=k) / n
        rows = [[float(v) if i == place else y for i, y in enumerate(ROW)] for v in range(k)]
        probs = each(made(), *rows)[:, place].exp()
        # Six standard errors.
        assert ((share - probs).abs() < 6 * (probs * (1 - probs) / n).sqrt()).all()
    assert x[:, 0].mean().item() == pytest.approx(173, abs=6 * 10 * S / n**0.5)
    logs = x[:, 2].log()
    assert logs.mean().item() == pytest.approx(10 + 0.5 * INCOME, abs=6 * 0.5 * S / n**0.5)
    mean = math.exp(1 + 0.8 * VISITS)
    se = math.sqrt((mean + S * mean**2) / n)
    assert x[:, 3].mean().item() == pytest.approx(mean, abs=6 * se)


def test_the_mean_of_levels_is_the_most_probable():
    mean = given(made(), 1).mean[0]
    assert mean[[1, 4]].tolist() == [2.0, 1.0]
    assert mean[0].item() == pytest.approx(170 + 10 * HEIGHT)
    assert mean[2].item() == pytest.approx(math.exp(10 + 0.5 * INCOME + (0.5 * S) ** 2 / 2))


def test_a_mixture_of_levels_has_its_own_most_probable_one():
    """Of 0, 0, 2 and 2, 2 by weight, and never the 1 between them."""
    column = Column("colour", "categorical", levels=("red", "green", "blue"))
    likelihood = ColumnsLikelihood(MLP(1, [], 3), [column])
    with torch.no_grad():
        likelihood.network.layers[0].weight.copy_(torch.tensor([[-9.0], [0.0], [9.0]]))
        likelihood.network.layers[0].bias.zero_()
    z = torch.tensor([[[-1.0]], [[1.0]]])  # two draws for one datum
    p = likelihood(z).base_dist
    for share, expected in ((0.6, 0.0), (0.4, 2.0)):
        weights = torch.tensor([share, 1 - share]).view(2, 1, 1)
        assert p.average(weights).tolist() == [[expected]]


def test_scales_are_learned_for_each_column_or_predicted():
    learned = made()
    assert learned.raw_scale.shape == (3,)
    assert ColumnsLikelihood.network_shape((6,), columns=COLUMNS) == (8,)
    assert ColumnsLikelihood.network_shape((6,), columns=COLUMNS, scale="predicted") == (11,)
    predicted = made(output=[*OUTPUT, 0.0, 0.0, 0.0], scale="predicted")
    torch.testing.assert_close(each(predicted, ROW), each(learned, ROW))


def test_one_level_is_certain():
    likelihood = made((Column("planet", "categorical", levels=("earth",)),), [0.3])
    assert each(likelihood, [0.0]).tolist() == [[0.0]]
    assert given(likelihood, 3).sample().tolist() == [[0.0]] * 3


def test_columns_are_in_the_file(tmp_path):
    likelihood = ColumnsLikelihood(MLP(2, [], 8), COLUMNS)
    save(likelihood, tmp_path / "file.pt")
    again = load(tmp_path / "file.pt")
    assert again.columns == COLUMNS
    x, z = torch.tensor([ROW]), torch.zeros(1, 2)
    assert torch.equal(again(z).log_prob(x), likelihood(z).log_prob(x))


def test_moments_keep_their_digits_in_half_precision():
    likelihood = ColumnsLikelihood(
        MLP(2, [], 1), [Column("year", "real", 2011.25, 3.5)]
    ).bfloat16()
    mean = likelihood(torch.zeros(1, 2)).mean
    assert mean.dtype == torch.float32
    bias = likelihood.network.layers[0].bias.float()
    torch.testing.assert_close(mean[0], 2011.25 + 3.5 * bias)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"columns": []}, "columns: expected a list of 1 to"),
        ({"columns": [*COLUMNS, COLUMNS[0]]}, "different names, got 'height' twice"),
        ({"columns": [{"name": "a"}]}, "columns: expected name, kind"),
        ({"columns": COLUMNS[:2]}, r"out_shape that ends with 4 .* got \(8,\)"),
        ({"scale": 0.5}, "scale: expected 'learned' or 'predicted', got 0.5"),
        ({"min_scale": -1.0}, "min_scale: expected a number of at least 0"),
    ],
)
def test_what_does_not_fit_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ColumnsLikelihood(MLP(2, [], 8), **{"columns": COLUMNS} | change)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "date"}, "column 'a': expected one of real, .* got 'date'"),
        ({"kind": "real", "scale": 0.0}, "column 'a': scale: expected a positive number"),
        ({"kind": "real", "loc": math.nan}, "column 'a': loc: expected a finite number"),
        ({"kind": "real", "levels": (1, 2)}, "column 'a': expected no levels for real"),
        ({"kind": "binary", "levels": (1, 2, 3)}, "column 'a': expected 2 different levels"),
        ({"kind": "ordinal"}, "column 'a': expected levels for ordinal"),
        ({"kind": "ordinal", "levels": ([], 2)}, "levels that are strings or numbers"),
    ],
)
def test_columns_that_are_none_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        Column(name="a", **values)
