"""Columns of all kinds with gaps: exact posteriors by quadrature, and what is filled in."""

import math

import numpy as np
import pytest
import torch
from tables import KINDS, people

from pyrovae import evaluate, fit, load, load_data, save, score
from pyrovae.columns import Column
from pyrovae.evaluation import wider
from pyrovae.likelihoods import ColumnsLikelihood
from pyrovae.models import ConditionalVAE, MissingDataVAE
from pyrovae.nn import MLP, Chain, ColumnFeatures
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior

COLUMNS = (
    Column("height", "real", 170.0, 10.0),
    Column("income", "positive", 10.0, 0.5),
    Column("visits", "count", 1.0, 0.8, whole=True),
    Column("colour", "categorical", levels=("red", "green", "blue")),
    Column("grade", "ordinal", levels=(1, 2, 3)),
)


def model_of(columns, latents=1, hidden=(8,)):
    features = ColumnFeatures(columns, mask=True)
    posterior = NormalPosterior(Chain([features, MLP(features.out_shape, hidden, 2 * latents)]))
    shape = ColumnsLikelihood.network_shape((len(columns),), columns=columns)
    return MissingDataVAE(
        NormalPrior(latents),
        posterior,
        ColumnsLikelihood(MLP(latents, hidden, shape, activation="tanh"), columns),
    )


def grid():
    """Latents and their weights under a standard normal, for integrals over one latent."""
    z, w = np.polynomial.hermite_e.hermegauss(150)
    return torch.from_numpy(z)[:, None], torch.from_numpy(w / math.sqrt(2 * math.pi))


ROWS = torch.tensor(
    [[172.0, 3e4, 4.0, 2.0, 0.0], [150.0, 1e4, 0.0, 0.0, 2.0], [171.0, 2e4, 2.0, 1.0, 1.0]]
).double()
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 0, 1, 0, 0], [0, 1, 0, 1, 1]]).bool()


def exact(vae, x, mask):
    """log p(x_obs) of each row, and the posterior's weight of each latent of the grid."""
    z, w = grid()
    each = vae.likelihood(z).base_dist.log_prob(x[:, None, :])
    joint = torch.where(mask[:, None, :], each, 0.0).sum(-1) + w.log()
    return joint.logsumexp(1), joint.softmax(1)


def test_the_evidence_is_that_of_the_observed_columns():
    torch.manual_seed(0)
    vae = model_of(COLUMNS).double()
    x = torch.where(MASK, ROWS, torch.nan)
    expected, _ = exact(vae, ROWS, MASK)
    # Twice as wide: weights of its own draws have too heavy a tail for an error to be told.
    scores = score(wider(vae, 2.0), (x.nan_to_num(), MASK), samples=20_000)
    assert (scores.pareto_k < 0.5).all()
    error = scores.log_likelihood - expected.detach()
    assert (error.abs() < 6 * scores.mc_se + 1e-6).all()


def test_columns_are_scored_by_themselves():
    torch.manual_seed(0)
    vae = model_of(COLUMNS).double()
    alone = [MASK & torch.eye(5).bool()[i] for i in range(5)]
    expected = torch.stack([exact(vae, ROWS, mask)[0] for mask in alone], -1).detach()
    scores = score(vae, (ROWS, MASK), samples=20_000).by_column
    report = evaluate(vae, (ROWS, MASK), samples=20_000)
    assert [*report.columns] == [*scores] == [column.name for column in COLUMNS]
    for i, (name, found) in enumerate(scores.items()):
        seen = MASK[:, i]
        assert found[~seen].isnan().all()
        # Weights between 0 and a few, over 20,000 draws.
        torch.testing.assert_close(found[seen], expected[seen, i], rtol=0, atol=0.05)
        assert report.columns[name] == pytest.approx(found[seen].mean().item())


def test_a_conditional_models_columns_have_no_scores_of_their_own():
    """What it says of them it says given the label."""
    shape = ColumnsLikelihood.network_shape((5,), columns=COLUMNS)
    likelihood = ColumnsLikelihood(MLP(1 + 2, [], shape), COLUMNS)
    posterior = NormalPosterior(MLP(5 + 2, [], 2))
    vae = ConditionalVAE(NormalPrior(1), posterior, likelihood, classes=2)
    batch = (ROWS.float(), torch.tensor([0, 1, 0]))
    assert evaluate(vae, batch, samples=2).columns == {}
    assert score(vae, batch, samples=2).by_column == {}


def test_gaps_get_the_posterior_mean_or_the_most_probable_level():
    torch.manual_seed(1)
    vae = model_of(COLUMNS).double()
    with torch.no_grad():  # a latent that decides
        vae.likelihood.network.layers[-1].weight *= 4
    z, _ = grid()
    p = vae.likelihood(z).base_dist
    _, weights = exact(vae, ROWS, MASK)
    filled = vae.impute(ROWS, MASK, samples=20_000)
    assert torch.equal(filled[MASK], ROWS[MASK])
    means = weights @ p.mean.detach()
    for i in (0, 1, 2):
        gaps = ~MASK[:, i]
        torch.testing.assert_close(filled[gaps, i], means[gaps, i].detach(), rtol=0.03, atol=0.03)
    levels = p.parts[-1].probs  # of colour and grade
    share = torch.einsum("ns,sdk->ndk", weights, levels)
    for place, i in enumerate((3, 4)):
        top, second = share[:, place].topk(2).values.unbind(-1)
        sure = ~MASK[:, i] & (top - second > 0.05)
        assert torch.equal(filled[sure, i], share[sure, place].argmax(-1).double())


def test_the_guide_sees_what_is_missing_and_not_what_stands_there():
    vae = model_of(COLUMNS).double()
    codes = vae.encode(ROWS, MASK)
    for other in (math.nan, -1.0, 1e6):
        assert torch.equal(vae.encode(torch.where(MASK, ROWS, other), MASK), codes)
    assert not torch.equal(vae.encode(ROWS), codes)


def test_features_are_standardised_and_one_hot():
    features = ColumnFeatures(COLUMNS, mask=True).double()
    y = features(torch.cat([ROWS[:2], MASK[:2].double()], 1))
    numbers = [0.2, (math.log(3e4) - 10) / 0.5, (math.log(5) - 1) / 0.8]
    assert y[0].tolist() == pytest.approx([*numbers, 0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1])
    numbers = [-2.0, 0.0, -1 / 0.8]
    assert y[1].tolist() == pytest.approx([*numbers, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0])


def test_features_have_gradients_between_levels():
    """Pseudo-inputs of a VampPrior move."""
    x = ROWS[:1].clone()
    x[:, 3] = 0.4
    x.requires_grad_()
    y = ColumnFeatures(COLUMNS).double()(x)
    assert y[0, 3:6].tolist() == pytest.approx([0.6, 0.4, 0.0])
    (y[0, 3] - y[0, 4]).backward()
    assert x.grad[0, 3] == -2


def test_data_outside_a_columns_support_are_named():
    vae = model_of(COLUMNS)
    for i, value, message in (
        (1, -1.0, "column 'income' allows numbers above 0, but 1 of its 3 values are none, -1"),
        (2, 0.5, "column 'visits' allows whole numbers of at least 0.*, 0.5 among them"),
        (3, 3.0, "column 'colour' allows the numbers of levels"),
    ):
        x = ROWS.float()
        x[1, i] = value
        with pytest.raises(ValueError, match=message):
            fit(vae, x, epochs=1, progress=False)
        with pytest.raises(ValueError, match=message):
            score(vae, (x, torch.ones_like(x, dtype=torch.bool)), samples=2)
        seen = torch.ones_like(x, dtype=torch.bool)
        seen[1, i] = False
        assert len(score(vae, (x, seen), samples=2)) == 3


def test_from_a_frame_with_gaps_to_a_model_in_a_file(tmp_path):
    torch.manual_seed(0)
    data = load_data(people(150, gaps=0.3))
    vae = model_of(data.columns, latents=2)
    history = fit(vae, data, epochs=3, progress=False)
    assert history[-1]["loss"] < history[0]["loss"]
    save(vae, tmp_path / "vae.pt")
    again = load(tmp_path / "vae.pt")
    x, mask = data.test.take(10)
    assert torch.equal(again.encode(x, mask), vae.eval().encode(x, mask))
    assert [column.name for column in again.likelihood.columns] == [*KINDS]


def test_the_models_mean_of_levels_is_a_level():
    vae = model_of(COLUMNS)
    for rows in (vae.sample(50), vae.reconstruct(ROWS.float(), MASK)):
        assert set(rows[:, 3].tolist()) <= {0.0, 1.0, 2.0}
