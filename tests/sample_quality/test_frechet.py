"""The Frechet distance of normals is known."""

import dataclasses

import pytest
import torch

from pyrovae.sample_quality import Features, frechet_distance


def exact_sample(n, mean, covariance, seed=0):
    """Values whose empirical mean and covariance are exactly these."""
    d = len(mean)
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(seed)).double()
    x = x - x.mean(0)
    white = torch.linalg.solve_triangular(
        torch.linalg.cholesky(x.T @ x / (n - 1)), x.T, upper=False
    ).T
    return Features(white @ torch.linalg.cholesky(covariance).T + mean, "plain values 1")


def covariance(d, seed):
    root = torch.randn(d, d, generator=torch.Generator().manual_seed(seed)).double()
    return root @ root.T + 0.1 * torch.eye(d).double()


ZERO = torch.zeros(3).double()


def test_of_independent_features_it_is_that_of_means_and_scales():
    a, b = torch.tensor([1.0, 2.0, 0.5]).double(), torch.tensor([2.0, 2.0, 3.0]).double()
    mean = torch.tensor([0.3, -1.0, 0.0]).double()
    found = frechet_distance(
        exact_sample(50, ZERO, torch.diag(a**2)), exact_sample(40, mean, torch.diag(b**2), 1)
    )
    exact = mean.square().sum() + (a - b).square().sum()
    assert found.distance.value == pytest.approx(exact.item(), rel=1e-9)
    assert (found.real, found.generated, found.features) == (50, 40, 3)


def test_of_any_normals_it_is_the_formula():
    first, second = covariance(3, 1), covariance(3, 2)
    found = frechet_distance(exact_sample(50, ZERO, first), exact_sample(60, ZERO, second, 1))
    # The eigenvalues of the product are those of the symmetric form whose root is taken.
    eigenvalues = torch.linalg.eigvals(first @ second).real
    exact = first.trace() + second.trace() - 2 * eigenvalues.sqrt().sum()
    assert found.distance.value == pytest.approx(exact.item(), rel=1e-9)


def test_it_is_symmetric_and_nothing_of_data_themselves():
    x, y = (
        exact_sample(50, ZERO, covariance(3, 1)),
        exact_sample(50, ZERO + 1, covariance(3, 2), 1),
    )
    there, back = frechet_distance(x, y).distance, frechet_distance(y, x).distance
    assert there.value == pytest.approx(back.value, rel=1e-9)
    assert there.data_se == pytest.approx(back.mc_se, rel=1e-6)
    assert there.mc_se == pytest.approx(back.data_se, rel=1e-6)
    same = frechet_distance(x, x).distance
    assert same.value == pytest.approx(0, abs=1e-9)
    # Of the first order nothing changes there.
    assert same.data_se == pytest.approx(0, abs=1e-9)


def test_the_errors_are_the_spread_over_data_and_samples_drawn_anew():
    roots = [torch.linalg.cholesky(covariance(3, seed)) for seed in (1, 2)]

    def draw(root, seed, n=400):
        x = torch.randn(n, 3, generator=torch.Generator().manual_seed(seed)).double()
        return Features(x @ root.T, "plain values 1")

    x, y = draw(roots[0], 0), draw(roots[1], 1)
    of_data = torch.tensor(
        [frechet_distance(draw(roots[0], 10 + i), y).distance.value for i in range(200)]
    )
    of_draws = torch.tensor(
        [frechet_distance(x, draw(roots[1], 10 + i)).distance.value for i in range(200)]
    )
    found = frechet_distance(x, y).distance
    # The spread of 200 values is known to 5 %, and that of 400 data's squares about as well.
    assert found.data_se == pytest.approx(of_data.std().item(), rel=0.3)
    assert found.mc_se == pytest.approx(of_draws.std().item(), rel=0.3)


def test_fewer_data_than_features_are_warned_of():
    x = Features(torch.randn(4, 9).double(), "plain values 1")
    y = Features(torch.randn(50, 9).double(), "plain values 1")
    found = frechet_distance(x, y)
    assert "4 data have no full covariance of 9 features" in found.warnings[0]
    assert found.warnings[0] in str(found)
    assert torch.tensor(dataclasses.astuple(found.distance)).isfinite().all()
    assert frechet_distance(y, y).warnings == []
    assert "plain values 1" in str(found)


def test_constant_features_are_no_fault():
    x, y = torch.randn(50, 3).double(), torch.randn(50, 3).double()
    x[:, 1], y[:, 1] = 2.0, 2.0
    found = frechet_distance(Features(x, "plain 1"), Features(y, "plain 1")).distance
    kept = [Features(v[:, [0, 2]], "plain 1") for v in (x, y)]
    assert found.value == pytest.approx(frechet_distance(*kept).distance.value, rel=1e-9)


def test_one_datum_and_other_networks_are_refused():
    x = Features(torch.randn(5, 2).double(), "plain values 1")
    with pytest.raises(ValueError, match="at least two data and two samples, got 5 and 1"):
        frechet_distance(x, Features(x.values[:1], x.network))
    with pytest.raises(ValueError, match="expected features of the same network"):
        frechet_distance(x, Features(x.values, "plain values 2"))
