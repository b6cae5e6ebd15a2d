"""Data from every kind of source."""

from functools import partial

import pytest
import torch
from exact import STILL, Pairs, PointModel, gaussian_loss
from tiny import binary_data, same, state, tiny_vae
from torch.utils.data import DataLoader, TensorDataset

from pyrovae import fit
from pyrovae.datasets import Data, TensorSplit

quiet = partial(fit, progress=False, device="cpu")


def test_equal_sources_of_data_give_equal_training():
    x = binary_data()
    sources = [
        x,
        x.numpy(),
        TensorDataset(x, torch.arange(12)),
        TensorSplit(x),
        Data(train=x),
    ]
    results = []
    for source in sources:
        vae = tiny_vae()
        quiet(vae, source, epochs=2, batch_size=5)
        results.append(state(vae))
    assert all(same(result, results[0]) for result in results)


@pytest.mark.parametrize(
    "wrap", [Pairs, lambda x: DataLoader(Pairs(x), batch_size=4), lambda x: (x, x, x)]
)
def test_of_longer_tuples_as_many_items_are_used_as_the_model_takes(wrap):
    x = torch.arange(10.0)[:, None]
    history = quiet(PointModel(0.3), wrap(x), optimizer=STILL, epochs=1)
    assert history[0]["loss"] == pytest.approx(gaussian_loss(x, 0.3), rel=1e-6)


def test_each_epoch_takes_all_data_in_an_order_of_its_own():
    orders = []
    vae = tiny_vae(normal=True)
    guide = vae.guide

    def watched(x):
        if vae.training:
            orders.append(x[:, 0])
        return guide(x)

    vae.guide = watched
    x = torch.arange(20.0)[:, None].expand(20, 4) / 20
    quiet(vae, x, epochs=2, batch_size=7)
    first, second = torch.cat(orders[:3]), torch.cat(orders[3:])
    assert first.sort().values.equal(x[:, 0])
    assert second.sort().values.equal(x[:, 0])
    # Two orders of twenty are the same once in 20!.
    assert not first.equal(x[:, 0])
    assert not first.equal(second)


def test_a_data_loader_keeps_its_own_batches():
    sizes = []
    vae = tiny_vae()
    guide = vae.guide

    def watched(x):
        if vae.training:
            sizes.append(len(x))
        return guide(x)

    vae.guide = watched
    loader = DataLoader(Pairs(binary_data(12)), batch_size=5, shuffle=True)
    quiet(vae, loader, epochs=1, batch_size=100)
    assert sizes == [5, 5, 2]


def test_a_batch_of_several_tensors_is_passed_on():
    class Weighted(PointModel):
        def model(self, x, w):
            assert len(x) == len(w)
            assert w.equal(x[:, 0] > 2)
            return super().model(x)

        def guide(self, x, w):
            return super().guide(x)

    x = torch.tensor([[1.0], [2.0], [6.0]])
    history = quiet(Weighted(), (x, x[:, 0] > 2), optimizer=STILL, epochs=1, batch_size=2)
    assert history[0]["loss"] == pytest.approx(gaussian_loss(x, 0.0), rel=1e-6)


def test_dynamic_binarization_draws_anew_and_trains():
    drawn = []
    vae = tiny_vae()
    guide = vae.guide

    def watched(x):
        if vae.training:
            drawn.append(x)
        return guide(x)

    vae.guide = watched
    split = TensorSplit(torch.full((50, 4), 0.5), binarization="dynamic")
    quiet(vae, split, epochs=2, batch_size=50)
    first, second = drawn
    assert set(first.unique().tolist()) == {0.0, 1.0}
    assert not first.equal(second)
