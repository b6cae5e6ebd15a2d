import pytest
import torch
from torch.utils.data import TensorDataset

from pyrovae.datasets import TensorSplit
from pyrovae.datasets.loader_split import LoaderSplit
from pyrovae.latent_space import nearest_neighbours


def images(n, seed=0):
    return torch.rand(n, 1, 4, 3, generator=torch.Generator().manual_seed(seed))


def test_a_datum_is_its_own_nearest_neighbour_at_distance_zero():
    data = images(50)
    found = nearest_neighbours(data[7:12], data, k=2)
    assert found.positions[:, 0].tolist() == [7, 8, 9, 10, 11]
    assert (found.distances[:, 0] == 0).all()
    assert (found.distances[:, 1] > 0).all()
    assert torch.equal(found.data[:, 0], data[7:12])


@pytest.mark.parametrize("at_once", [3, 17, 1000])
@pytest.mark.parametrize("streamed", [False, True])
def test_batches_make_no_difference(monkeypatch, at_once, streamed):
    monkeypatch.setattr("pyrovae.latent_space.neighbours.AT_ONCE", at_once)
    data, queries = images(50), images(6, seed=1)
    source = LoaderSplit(TensorDataset(data), fields=1) if streamed else TensorSplit(data)
    found = nearest_neighbours(queries, source, k=5)
    every = (queries[:, None] - data).flatten(2).norm(dim=2)
    distances, positions = every.sort(dim=1)
    assert torch.equal(found.positions, positions[:, :5])
    torch.testing.assert_close(found.distances, distances[:, :5])
    assert torch.equal(found.data, data[positions[:, :5]])


@pytest.mark.parametrize(
    ("queries", "k", "said"),
    [
        (images(3), 51, "k: expected from 1 to the number of data, 50, got 51"),
        (images(3), 0, "got 0"),
        (images(3)[:, :, :2], 1, r"queries: expected the shape of the data, \(n, 1, 4, 3\), got"),
        (images(3)[:0], 1, r"queries: expected shape \(n, ...\)"),
    ],
)
def test_what_cannot_be_found_is_refused(queries, k, said):
    with pytest.raises(ValueError, match=said):
        nearest_neighbours(queries, images(50), k=k)


@pytest.mark.parametrize("at_once", [7, 1000])
@pytest.mark.parametrize("clusters", [1, 2])
def test_data_far_from_zero_find_themselves(monkeypatch, clusters, at_once):
    # 1000 +- 0.05, and as many at -1000: squares of a million hide differences of a hundredth.
    monkeypatch.setattr("pyrovae.latent_space.neighbours.AT_ONCE", at_once)
    sign = torch.arange(400) % clusters * -2 + 1
    data = 1000 * sign.float()[:, None] + 0.1 * (torch.rand(400, 3) - 0.5)
    found = nearest_neighbours(data, data, k=3)
    assert torch.equal(found.positions[:, 0], torch.arange(400))
    assert (found.distances[:, 0] == 0).all()
    exact = (data.double()[:, None] - data.double()).norm(dim=-1).sort(dim=1).values[:, :3]
    torch.testing.assert_close(found.distances.double(), exact, rtol=1e-5, atol=1e-6)
