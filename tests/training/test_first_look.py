"""What training reads is looked at whole: every batch, every tensor, and in the model's precision."""

import pytest
import torch
from tiny import binary_data, same, state, tiny_vae
from torch.utils.data import DataLoader, Dataset, TensorDataset

from pyrovae import fit
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import ConditionalVAE
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior


class Read(Dataset):
    """Data that are only known when they are read."""

    def __init__(self, *tensors):
        self.tensors = tensors

    def __len__(self):
        return len(self.tensors[0])

    def __getitem__(self, i):
        items = tuple(tensor[i] for tensor in self.tensors)
        return items if len(items) > 1 else items[0]


SOURCES = {
    "a tensor": lambda x: x,
    "a data set of tensors": lambda x: TensorDataset(x),
    "a data set": Read,
    "a loader": lambda x: DataLoader(Read(x), batch_size=10),
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("value", [255.0, -1.0, 0.5, float("nan"), float("inf")])
def test_one_odd_value_in_the_last_of_many_batches_is_found(source, value):
    x = binary_data(2500)
    x[-1, 2] = value
    vae = tiny_vae()
    if value == 0.5:  # a grey level, which a Bernoulli takes as a cross-entropy
        fit(vae, SOURCES[source](x), epochs=1, batch_size=100, progress=False)
        return
    with pytest.raises(ValueError, match="NaN|infinite|allows values in|finite values"):
        fit(vae, SOURCES[source](x), epochs=1, batch_size=100, progress=False)


def test_a_condition_that_is_not_a_number_is_found():
    x, given = binary_data(200), torch.zeros(200, 2)
    given[150, 1] = torch.nan
    model = ConditionalVAE(
        NormalPrior(2),
        NormalPosterior(MLP(6, [], 4)),
        BernoulliLikelihood(MLP(4, [], 4)),
        condition_shape=2,
    )
    for data in (TensorDataset(x, given), Read(x, given)):
        with pytest.raises(ValueError, match="NaN"):
            fit(model, data, epochs=1, batch_size=20, progress=False)


def test_data_of_another_precision_get_that_of_the_model():
    x = binary_data(60)
    trained = []
    for data in (x, x.double(), x.half(), Read(x.double()), x.numpy(), x.double().numpy()):
        vae = tiny_vae()
        fit(vae, data, epochs=2, progress=False)
        trained.append(state(vae))
    in_memory = [trained[i] for i in (1, 2, 4, 5)]
    assert all(same(trained[0], found) for found in in_memory)
    double = tiny_vae().double()
    fit(double, x, epochs=1, progress=False)
    assert all(p.dtype == torch.float64 for p in double.parameters())
