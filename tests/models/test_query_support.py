"""Queries refuse what is no data of the model, as training and evaluation do."""

import math

import numpy as np
import pytest
import torch
from conditional import make as make_conditional
from semi_supervised import make as make_m2
from tiny import FEATURES, binary_data, grey_data, tiny_vae
from torch.utils.data import TensorDataset

from pyrovae import VAE, evaluate, fit
from pyrovae.evaluation import encode, score
from pyrovae.likelihoods import PoissonLikelihood
from pyrovae.models import ConditionalVAE, MissingDataVAE
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.plots.latents import check_plane
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

PIXELS = torch.randint(0, 256, (12, FEATURES), generator=torch.Generator().manual_seed(0)).byte()
QUESTIONS = {
    "encode": lambda vae, x: vae.encode(x),
    "reconstruct": lambda vae, x: vae.reconstruct(x),
    "encode of data": encode,
    "score": lambda vae, x: score(vae, x, samples=2),
    "evaluate": lambda vae, x: evaluate(vae, x, samples=2),
    "evaluate of a data set": lambda vae, x: evaluate(vae, TensorDataset(x), samples=2),
    "fit": lambda vae, x: fit(vae, x, epochs=1, progress=False),
}
over_questions = pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)


@over_questions
def test_the_numbers_of_8_bit_values_are_no_grey_levels(ask):
    """Trained on 8-bit values, of which fit makes grey levels, then asked about their numbers."""
    vae = tiny_vae()
    fit(vae, PIXELS, epochs=1, progress=False)
    ask(vae, PIXELS)
    with pytest.raises(ValueError, match=r"site 'x': .* in \[0, 1\], but the data range from"):
        ask(vae, PIXELS.float())


@over_questions
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite(ask, value):
    x = grey_data()
    x[7, 2] = value
    with pytest.raises(ValueError, match=r"1 of 48 values \(2.1 %\), in column 2 alone"):
        ask(tiny_vae(normal=True), x)


def test_labels_and_conditions_are_looked_at_with_the_data():
    conditional, m2 = make_conditional(), make_m2()
    x = torch.full((3, 5), 2.0)
    y = torch.tensor([0, 1, 2])
    for query in (
        lambda: conditional.encode(x, y),
        lambda: conditional.given(1).reconstruct(x),
        lambda: m2.encode(x, y),
        lambda: m2.classify(x),
    ):
        with pytest.raises(ValueError, match=r"the data range from 2 to 2"):
            query()
    assert m2.classify(x.clamp(max=1).byte() * 255).sum(-1).tolist() == pytest.approx([1.0] * 3)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int8, torch.int32, torch.int64])
def test_labels_are_integers_of_any_type(dtype):
    """Of bytes, in which labels are kept, -1 is 255, and an index would be a mask."""
    x, y = torch.eye(5)[:3], torch.tensor([0, 1, 2])
    conditional, m2 = make_conditional(), make_m2()
    conditional.met |= True
    torch.testing.assert_close(conditional.encode(x, y.to(dtype)), conditional.encode(x, y))
    for name, codes in m2.encode(x, y.to(dtype)).items():
        torch.testing.assert_close(codes, m2.encode(x, y)[name])
    losses = []
    for labels in (y, y.to(dtype)):
        torch.manual_seed(0)
        losses.append(ELBO().loss(m2.model, m2.guide, x, labels))
    assert losses[0] == losses[1]
    assert conditional.sample(3, y.to(dtype)).shape == m2.sample(3, y.to(dtype)).shape == (3, 5)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (np.array(["a", "b", "c"]), "numbers in place of text"),
        (["a", "b", "c"], "got list"),
        (torch.full((3, 2), math.nan), r"expected finite values, got 6 NaN .*\(100 %\)"),
        (torch.ones(3, 2).long(), "expected conditions, floating or bool"),
    ],
)
def test_what_is_given_beside_the_data_is_read_and_refused_in_one_line(given, words):
    model = ConditionalVAE(
        NormalPrior(2),
        NormalPosterior(MLP(FEATURES + 2, [], 4)),
        PoissonLikelihood(MLP(2 + 2, [], FEATURES)),
        condition_shape=2,
    )
    for query in (
        lambda: model.encode(binary_data(3), given),
        lambda: model.sample(3, given),
        lambda: model.decode(torch.zeros(3, 2), given),
    ):
        with pytest.raises(ValueError, match=words) as caught:
            query()
        assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match="latents: expected finite values, got 1 NaN"):
        model.decode(torch.tensor([[0.0, math.nan]]), torch.ones(1, 2))


def test_a_mask_is_looked_at_before_the_first_step():
    likelihood = PoissonLikelihood(MLP(2, [], FEATURES))
    vae = MissingDataVAE(NormalPrior(2), NormalPosterior(MLP(FEATURES, [], 4)), likelihood)
    x = binary_data(9)
    for ask in (
        lambda: fit(vae, (x, torch.ones(9, FEATURES)), epochs=1, progress=False),
        lambda: evaluate(vae, (x, torch.ones(9, FEATURES)), samples=2),
        lambda: vae.encode(x, torch.ones(9, FEATURES)),
    ):
        with pytest.raises(
            ValueError, match=r"mask: expected bool of shape \(9, 4\).* got torch.float32"
        ) as caught:
            ask()
        assert "\n" not in str(caught.value)


def test_values_that_a_mask_leaves_out_may_be_anything():
    likelihood = PoissonLikelihood(MLP(2, [], FEATURES))
    vae = MissingDataVAE(NormalPrior(2), NormalPosterior(MLP(FEATURES, [], 4)), likelihood)
    x, mask = binary_data(), torch.ones(12, FEATURES, dtype=torch.bool)
    mask[:, 1], x[:, 1] = False, math.nan
    assert vae.encode(x, mask).isfinite().all()
    assert torch.equal(vae.impute(x, mask, samples=2)[mask], x[mask])
    x[3, 0] = 0.5
    for query in (vae.encode, vae.impute, vae.reconstruct):
        with pytest.raises(ValueError, match="whole numbers of at least 0"):
            query(x, mask)


def test_a_look_leaves_random_numbers_and_modes_alone():
    vae = tiny_vae(dropout=0.5)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    vae.encode(binary_data())
    assert torch.equal(torch.rand(1), expected)
    assert all(module.training for module in vae.modules())


def test_figures_of_counts_encode_what_they_draw():
    """The mean of counts, which samples are, is no datum."""
    likelihood = PoissonLikelihood(MLP(2, [], FEATURES))
    vae = VAE(NormalPrior(2), NormalPosterior(MLP(FEATURES, [], 4)), likelihood)
    vae.latent_shape = None  # a model that does not declare it
    assert check_plane("a figure", vae) == (2,)
    with pytest.raises(ValueError, match="whole numbers of at least 0"):
        vae.encode(vae.sample(3))
