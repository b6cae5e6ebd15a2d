"""Every batch and every tensor of it is looked at, at the price of a comparison a value."""

import math
import re

import pyro
import pyro.distributions as dist
import pytest
import torch
from linear_gaussian import data, exact_vae
from tiny import binary_data, tiny_vae
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from pyrovae import evaluate, fit
from pyrovae.datasets import Data
from pyrovae.evaluation import elbo, encode, inference_gap, log_likelihood, score
from pyrovae.support import BatchCheck

LOOKS = {
    "evaluate": lambda vae, x: evaluate(vae, x, samples=2),
    "evaluate train": lambda vae, x: evaluate(vae, binary_data(200), train=x, samples=2),
    "elbo": elbo,
    "log_likelihood": lambda vae, x: log_likelihood(vae, x, samples=2),
    "score": lambda vae, x: score(vae, x, samples=2),
    "encode": encode,
    "inference_gap": lambda vae, x: inference_gap(vae, x, samples=2, steps=1),
}


def with_odd(value, *place, n=120):
    x = binary_data(n)
    x[place] = value
    return x


class Given(nn.Module):
    """A model with a condition that it does not observe, and counts whose total is each datum's own."""

    def __init__(self):
        super().__init__()
        self.network = nn.Linear(1, 1)
        self.runs = 0

    def model(self, x, condition, total=None):
        with pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", dist.Normal(torch.zeros(1), 1.0).to_event(1))
            logits = self.network(z) + condition
            if total is None:
                p = dist.Bernoulli(logits=logits)
            else:
                p = dist.Binomial(total[:, None], logits=logits)
            pyro.sample("x", p.to_event(1), obs=x)

    def guide(self, x, condition, total=None):
        self.runs += 1
        with pyro.plate("data", len(x), dim=-1):
            pyro.sample("z", dist.Normal(torch.zeros(len(x), 1), 1.0).to_event(1))


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (255.0, r"site 'x': .*\[0, 1\].* to 255, with 255"),
        (math.nan, r"site 'x': the data contain NaN: 1 of .* in column 2 alone"),
        (math.inf, r"site 'x': the data contain infinite values"),
    ],
)
def test_the_last_batch_of_a_loader_is_looked_at_too(look, value, message):
    x = with_odd(value, 119, 2)
    with pytest.raises(ValueError, match=message):
        look(tiny_vae(), DataLoader(TensorDataset(x), batch_size=50))


def test_data_in_memory_are_looked_at_before_anything_is_drawn(monkeypatch):
    vae = tiny_vae()
    sizes = []
    forward = vae.likelihood.forward
    monkeypatch.setattr(vae.likelihood, "forward", lambda z: sizes.append(len(z)) or forward(z))
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        evaluate(vae, with_odd(2.0, 119, 2), samples=100, batch_size=50)
    assert max(sizes) <= 4  # a few data, to see what the program allows and what memory it takes


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ([1], "2 of 48 values (4.2 %), in column 1 alone"),
        ([0, 3], "4 of 48 values (8.3 %), in columns 0, 3 alone"),
        ([0, 1, 2, 3], "8 of 48 values (17 %)"),
    ],
)
def test_nan_is_named_with_its_columns_or_its_share(columns, words):
    x = binary_data(12)
    for column in columns:
        x[3:5, column] = math.nan
    with pytest.raises(ValueError, match=re.escape(f"the data contain NaN: {words}") + "$"):
        BatchCheck(tiny_vae())((x,))


def test_of_images_the_share_is_named():
    class Images(nn.Module):
        def model(self, x):
            with pyro.plate("data", len(x), dim=-1):
                pyro.sample("x", dist.Normal(torch.zeros(1, 2, 2), 1.0).to_event(3), obs=x)

        def guide(self, x):
            pass

    x = torch.zeros(5, 1, 2, 2)
    x[0, 0, 1, 1] = math.nan
    with pytest.raises(ValueError, match=r"the data contain NaN: 1 of 20 values \(5 %\)$"):
        BatchCheck(Images())((x,))


def test_conditions_are_looked_at_and_named():
    condition = torch.zeros(6, 1)
    condition[4] = math.nan
    loader = DataLoader(TensorDataset(torch.ones(6, 1), condition), batch_size=3)
    with pytest.raises(
        ValueError, match=r"tensor 2 \('condition'\) of a batch contain NaN: 1 of 6 values"
    ):
        evaluate(Given(), loader, samples=2)


def test_values_that_the_program_makes_of_the_data_are_looked_at():
    class Halves(Given):
        def model(self, x, condition):
            super().model(x / 2, condition)

    check = BatchCheck(Halves())
    check((torch.tensor([[2.0], [0.0], [2.0]]), torch.zeros(3, 1)))
    with pytest.raises(ValueError, match=r"site 'x': .* \{0, 1\}, but .* with 0\.5 among"):
        check((torch.tensor([[2.0], [0.0], [1.0]]), torch.zeros(3, 1)))
    with pytest.raises(ValueError, match=r"tensor 1 \('x'\) of a batch contain NaN"):
        check((torch.tensor([[math.nan], [0.0], [1.0]]), torch.zeros(3, 1)))


def test_the_programs_run_once_where_all_data_are_allowed_the_same():
    model = Given()
    check = BatchCheck(model)
    for _ in range(5):
        check((torch.ones(7, 1), torch.zeros(7, 1)))
    assert model.runs == 1


def test_they_run_for_each_batch_where_each_datum_has_bounds_of_its_own():
    model = Given()
    check = BatchCheck(model)
    x, condition = torch.tensor([[3.0], [5.0], [1.0]]), torch.zeros(3, 1)
    check((x, condition, torch.tensor([3.0, 9.0, 1.0])))
    check((x, condition, torch.tensor([4.0, 5.0, 1.0])))
    assert model.runs > 1
    with pytest.raises(ValueError, match="site 'x': Binomial allows"):
        check((x, condition, torch.tensor([4.0, 5.0, 0.0])))


def test_a_flag_says_whether_something_is_wrong_without_an_error():
    check = BatchCheck(tiny_vae())
    for value, wrong in ((1.0, False), (0.25, False), (1.5, True), (math.nan, True)):
        flag = check.faulty((with_odd(value, 1, 1),))
        assert isinstance(flag, torch.Tensor)
        assert flag.shape == ()
        assert flag.item() is wrong


def test_looking_moves_no_random_number_and_no_mode():
    vae = tiny_vae(batch_norm=True, dropout=0.5).train()
    before = torch.get_rng_state()
    BatchCheck(vae)((binary_data(),))
    assert torch.get_rng_state().equal(before)
    assert all(module.training for module in vae.modules())
    assert not list(pyro.get_param_store())


def test_a_program_that_observes_nothing_of_the_batch():
    class Blind(nn.Module):
        def model(self, y):
            pass

        guide = model

    assert not BatchCheck(Blind()).faulty((torch.zeros(3, dtype=torch.long),))


def test_the_type_is_that_of_the_model():
    x = data(10)
    expected = exact_vae().likelihood.log_evidence(x).mean().item()
    assert elbo(exact_vae(), x.float()).elbo == pytest.approx(expected, abs=1e-5)
    assert elbo(tiny_vae(), binary_data().double()) == elbo(tiny_vae(), binary_data())


def test_validation_data_of_a_loader_are_refused_when_they_are_read():
    bad = DataLoader(TensorDataset(with_odd(math.nan, 119, 2)), batch_size=50)
    with pytest.raises(ValueError, match="site 'x': the data contain NaN"):
        fit(
            tiny_vae(),
            Data(train=binary_data(), validation=bad),
            epochs=1,
            progress=False,
            device="cpu",
        )
