"""What comes before, and nothing else, decides; all at once and place by place alike."""

import pytest
import torch

from pyrovae.nn.causal import CausalRecurrent, layout
from pyrovae.nn.causal_transformer import CausalTransformer
from pyrovae.nn.pixel_cnn import GatedPixelCNN

ROWS, COLUMNS, FEATURES = 3, 4, 4
PLACES = ROWS * COLUMNS
NETWORKS = {
    "recurrent": lambda: CausalRecurrent(FEATURES),
    "convolutions": lambda: GatedPixelCNN(ROWS, COLUMNS, features=FEATURES, layers=4, kernel=3),
    "a wide kernel": lambda: GatedPixelCNN(ROWS, COLUMNS, features=FEATURES, layers=2, kernel=7),
    "a row": lambda: GatedPixelCNN(1, PLACES, features=FEATURES, layers=12, kernel=3),
    "a column": lambda: GatedPixelCNN(PLACES, 1, features=FEATURES, layers=12, kernel=3),
    "attention": lambda: CausalTransformer(features=FEATURES, heads=2, layers=2),
}


def made(name):
    network = NETWORKS[name]().double()
    x, context = torch.randn(2, 3, PLACES, FEATURES, dtype=torch.double)
    return network, x, context


@pytest.mark.parametrize("name", NETWORKS)
def test_the_jacobian_is_that_of_what_comes_before(name):
    network, x, context = made(name)
    weight = torch.randn(FEATURES, dtype=torch.double)  # normalised features add up to 0
    of_x, of_context = torch.autograd.functional.jacobian(
        lambda x, c: (network(x, c) @ weight).sum(0), (x, context)
    )
    depends = (of_x != 0).any(-1).any(1)  # of each place, on each
    assert torch.equal(depends, torch.ones(PLACES, PLACES).tril(-1).bool())
    assert (of_context != 0).any(-1).any(1).diagonal().all()


@pytest.mark.parametrize("name", NETWORKS)
def test_place_by_place_is_all_at_once(name):
    network, x, context = made(name)
    step = network.steps(context)
    found = [step(None if i == 0 else x[:, i - 1]) for i in range(PLACES)]
    torch.testing.assert_close(torch.stack(found, 1), network(x, context))


def test_rows_and_columns():
    assert layout(torch.Size([5])) == (1, 5)
    assert layout(torch.Size([2, 7])) == (1, 14)
    assert layout(torch.Size([3, 4, 5])) == (4, 15)
    assert layout(torch.Size([1, 2, 3, 4])) == (6, 4)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="kernel: expected an odd size, got 2"):
        GatedPixelCNN(3, 3, features=2, layers=1, kernel=2)
    with pytest.raises(ValueError, match="layers: expected at least 1, got 0"):
        GatedPixelCNN(3, 3, features=2, layers=0, kernel=3)
    with pytest.raises(ValueError, match="heads: expected a divisor of features=4, got 3"):
        CausalTransformer(features=4, heads=3, layers=1)
    with pytest.raises(ValueError, match="layers: expected at least 1, got 0"):
        CausalTransformer(features=4, heads=2, layers=0)
    with pytest.raises(ValueError, match="features: expected at least 1, got 0"):
        CausalTransformer(features=0, heads=2, layers=1)
