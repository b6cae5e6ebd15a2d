"""Queries read values as training does, whatever their type."""

import numpy as np
import pytest
import torch
from linear_gaussian import data, exact_vae
from tiny import FEATURES, binary_data, grey_data, tiny_vae
from torch.utils.data import DataLoader

from pyrovae.datasets import TensorSplit
from pyrovae.likelihoods import NormalLikelihood
from pyrovae.models import ConditionalVAE, MissingDataVAE
from pyrovae.nn import MLP
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

PIXELS = torch.arange(0, 240, 5, dtype=torch.uint8).view(12, FEATURES)
FORMS = {
    "float32": lambda: grey_data(),
    "float64": lambda: grey_data().double(),
    "float16": lambda: torch.tensor([[0.5, 0.25, 1.0, 0.0]]).half(),
    "array": lambda: grey_data().numpy(),
    "float64 array": lambda: grey_data().double().numpy(),
    "uint8": lambda: PIXELS,
    "uint8 array": lambda: PIXELS.numpy(),
    "bool": lambda: binary_data().bool(),
    "bool array": lambda: binary_data().bool().numpy(),
    "integer array": lambda: binary_data().long().numpy(),
}
forms = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def as_trained(x):
    """The values that training sees, in the type of a model in single precision."""
    return TensorSplit(x if isinstance(x, torch.Tensor) else torch.from_numpy(x * 1.0)).tensors[0]


@forms
def test_values_are_those_that_training_sees(form):
    vae, x = tiny_vae(normal=True), form()
    if isinstance(x, np.ndarray) and x.dtype == np.uint8:
        expected = torch.from_numpy(x).float() / 255
    else:
        expected = as_trained(x).float()
    codes = vae.encode(x)
    torch.testing.assert_close(codes, vae.encode(expected))
    assert codes.dtype == torch.float32
    torch.testing.assert_close(vae.reconstruct(x), vae.reconstruct(expected))


def test_a_model_in_double_precision_gets_doubles():
    vae, x = exact_vae(), data()
    torch.testing.assert_close(vae.encode(x.float()), vae.encode(x), rtol=1e-5, atol=1e-5)
    assert vae.encode(x.float().numpy()).dtype == torch.float64
    z = vae.encode(x)
    torch.testing.assert_close(vae.decode(z.numpy()).mean, vae.decode(z).mean)
    assert vae.decode(z.float()).mean.dtype == torch.float64


def test_what_comes_with_the_data_gets_the_models_type_too():
    posterior = NormalPosterior(MLP(FEATURES + 1, [], 4))
    likelihood = NormalLikelihood(MLP(2 + 1, [], FEATURES))
    vae = ConditionalVAE(NormalPrior(2), posterior, likelihood, condition_shape=(1,))
    x, y = grey_data(), torch.rand(12, 1)
    expected = vae.encode(x, y)
    torch.testing.assert_close(vae.encode(x.double().numpy(), y.double().numpy()), expected)
    torch.testing.assert_close(
        vae.decode(expected.double(), y.double()).mean, vae.decode(expected, y).mean
    )


def test_missing_values_are_imputed_in_any_type():
    likelihood = NormalLikelihood(MLP(2, [], FEATURES))
    vae = MissingDataVAE(NormalPrior(2), NormalPosterior(MLP(FEATURES, [], 4)), likelihood)
    x, mask = grey_data(), torch.rand(12, FEATURES) < 0.5
    filled = vae.impute(x.double().numpy(), mask, samples=3)
    assert torch.equal(filled[mask], x[mask])


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (PIXELS.clamp(max=1), "8-bit values from 0 to 255, got only zeros and ones"),
        (np.array([["a"]]), "real numbers, got dtype <U1"),
        (DataLoader(PIXELS), r"tensor or array, got DataLoader \(pyrovae.evaluation.encode takes"),
        ([[0.0] * FEATURES], "tensor or array, got list"),
        (torch.zeros(0, FEATURES), r"n >= 1, got \(0, 4\)"),
        (torch.tensor(1.0), r"n >= 1, got \(\)"),
    ],
)
def test_what_training_does_not_take_is_refused(x, message):
    vae = tiny_vae()
    for query in (vae.encode, vae.reconstruct):
        with pytest.raises(ValueError, match=message):
            query(x)
