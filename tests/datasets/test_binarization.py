"""Each protocol does what its name says, and refuses what is no grey level."""

import pytest
import torch

from pyrovae.datasets import TensorSplit, binarize

GREY = torch.linspace(0, 1, 9).expand(20_000, 9)


def bits(x):
    return ((x == 0) | (x == 1)).all()


def test_none_returns_x_itself():
    x = torch.randn(3, 4)
    assert binarize(x, "none") is x


def test_threshold_is_above_one_half():
    x = torch.tensor([[0.0, 0.49, 0.5, 0.51, 1.0]], dtype=torch.float64)
    y = binarize(x, "threshold")
    assert y.tolist() == [[0, 0, 0, 1, 1]]
    assert y.dtype == x.dtype


@pytest.mark.parametrize("protocol", ["static", "dynamic"])
def test_draws_have_the_grey_level_as_their_mean(protocol):
    y = binarize(GREY, protocol, generator=torch.Generator().manual_seed(0))
    assert bits(y)
    # Five standard errors of a mean of 20,000 bits: 5 * 0.5 / sqrt(20,000) = 0.018.
    torch.testing.assert_close(y.mean(0), GREY[0], atol=0.018, rtol=0)
    assert (y[:, 0] == 0).all()
    assert (y[:, -1] == 1).all()


def test_generator_decides_the_draws_and_spares_the_global_one():
    before = torch.get_rng_state()
    first, second = (
        binarize(GREY, "static", generator=torch.Generator().manual_seed(3)) for _ in range(2)
    )
    other = binarize(GREY, "static", generator=torch.Generator().manual_seed(4))
    assert first.equal(second)
    assert not first.equal(other)
    assert torch.get_rng_state().equal(before)


@pytest.mark.parametrize("protocol", ["threshold", "static", "dynamic"])
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([-0.5, 1.0], "from -0.5 to 1"),
        ([0.0, 255.0], "from 0 to 255"),
        ([0.5, float("nan")], "nan"),
    ],
)
def test_values_outside_the_unit_interval_are_named(protocol, values, message):
    with pytest.raises(ValueError, match=message):
        binarize(torch.tensor([values]), protocol)


def test_integers_and_unknown_protocols_are_refused():
    with pytest.raises(ValueError, match=r"floating values in \[0, 1\], got torch.int64"):
        binarize(torch.tensor([[0, 1]]), "threshold")
    with pytest.raises(ValueError, match="none, threshold, static, dynamic, got 'Dynamic'"):
        binarize(GREY, "Dynamic")
    with pytest.raises(ValueError, match="none, threshold, static, dynamic, got 'fixed'"):
        TensorSplit(GREY, binarization="fixed")


def test_dynamic_split_draws_anew_and_follows_the_global_seed():
    split = TensorSplit(GREY[:100], binarization="dynamic")
    torch.manual_seed(0)
    first, second = next(split.batches(100))[0], next(split.batches(100))[0]
    torch.manual_seed(0)
    again = next(split.batches(100))[0]
    assert bits(first)
    assert not first.equal(second)
    assert first.equal(again)
    assert split.tensors[0].equal(GREY[:100])


def test_static_split_never_changes_and_follows_its_own_seed():
    before = torch.get_rng_state()
    split, same, other = (TensorSplit(GREY, binarization="static", seed=s) for s in (0, 0, 1))
    assert torch.get_rng_state().equal(before)
    first, second = next(split.batches(100))[0], next(split.batches(100))[0]
    assert bits(first)
    assert first.equal(second)
    assert split.tensors[0].equal(same.tensors[0])
    assert not split.tensors[0].equal(other.tensors[0])
    torch.testing.assert_close(split.tensors[0].mean(0), GREY[0], atol=0.018, rtol=0)


def test_threshold_split_holds_bits():
    x = next(TensorSplit(GREY[:4], binarization="threshold").batches(4))[0]
    assert x[0].tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]
