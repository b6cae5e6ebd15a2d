import pytest
import torch
from fake_models import Fake, FakeHierarchy, batch
from tiny import grey_data, tiny_vae

from pyrovae.datasets import TensorSplit
from pyrovae.latent_space import attribute_vector

MASK = torch.arange(12) % 3 == 0


def test_of_a_linear_encoder_it_is_the_code_of_the_difference_of_means():
    model, x = Fake(latent=(4,)), batch(12)
    vector = attribute_vector(model, x, MASK)
    difference = x[MASK].mean(0) - x[~MASK].mean(0)
    torch.testing.assert_close(vector, difference.flatten()[:4] / 0.1)


def test_each_datum_meets_its_own_mask_in_every_batch(monkeypatch):
    model, x = Fake(latent=(2, 2)), batch(12)
    expected = attribute_vector(model, x, MASK)
    assert expected.shape == (2, 2)
    monkeypatch.setattr("pyrovae.latent_space.arithmetic.AT_ONCE", 5)
    split = TensorSplit(x, attributes=MASK[:, None])
    torch.testing.assert_close(attribute_vector(model, split, split.attributes[:, 0]), expected)


def test_several_latents_have_a_vector_each():
    model, x = FakeHierarchy(), batch(12)
    vector = attribute_vector(model, x, MASK)
    codes = model.encode(x)
    assert vector.keys() == codes.keys()
    for site, code in codes.items():
        torch.testing.assert_close(vector[site], code[MASK].mean(0) - code[~MASK].mean(0))


def test_a_model_of_the_library():
    model, x = tiny_vae(), grey_data()
    codes = model.encode(x)
    expected = codes[MASK].mean(0) - codes[~MASK].mean(0)
    torch.testing.assert_close(attribute_vector(model, x, MASK), expected)


@pytest.mark.parametrize(
    ("mask", "said"),
    [
        (None, r"bool tensor of shape \(12,\), one entry a datum, got NoneType \(have the data"),
        (MASK[:5], r"got torch.bool of shape \(5,\)"),
        (MASK.float(), "got torch.float32"),
        (MASK[:, None], r"\(12, 1\)"),
        (torch.zeros(12).bool(), "got 0 of 12 with it"),
        (torch.ones(12).bool(), "got 12 of 12 with it"),
    ],
)
def test_a_mask_that_says_nothing_is_refused(mask, said):
    with pytest.raises(ValueError, match=f"^mask: expected .*{said}"):
        attribute_vector(Fake(), batch(12), mask)
