"""Averages move once in each step of training, alike however the step is taken, and never else."""

from functools import partial

import pyro
import pytest
import torch
from pyro.infer import SVI
from tiny import same, state

from pyrovae import VAE, evaluate, fit
from pyrovae.codebooks import LearnedCodebook, MovingAverageCodebook, ResidualCodebook
from pyrovae.datasets import Data
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO, VectorQuantizedELBO
from pyrovae.posteriors import QuantizedPosterior
from pyrovae.priors import CategoricalCodePrior
from pyrovae.scope import without_validation
from pyrovae.training import CompiledSVI
from pyrovae.training.gradients import Gradients
from pyrovae.training.skips import Skips

D = 6
SGD = partial(torch.optim.SGD, lr=0.05)


def make(book=None, seed=0, **options):
    torch.manual_seed(seed)
    book = MovingAverageCodebook(4, 2, **{"decay": 0.8} | options) if book is None else book()
    q = QuantizedPosterior(MLP(D, [5], 4), book)
    (latent,) = q.latent_shape
    return VAE(CategoricalCodePrior(q), q, BernoulliLikelihood(MLP(latent, [], D)))


def data(n=24, seed=1):
    return torch.rand(n, D, generator=torch.Generator().manual_seed(seed)).round()


def trained(vae, x, **options):
    options = {"epochs": 2, "batch_size": 8, "compile": False, "optimizer": SGD} | options
    history = fit(vae, x, objective=VectorQuantizedELBO(), progress=False, seed=0, **options)
    assert history.compiled.startswith("compiled in" if options["compile"] else "not compiled")
    return vae


def gradients(vae, x, parts=1, objective=None):
    objective = objective or VectorQuantizedELBO()
    parameters = [p for p in vae.parameters() if p.requires_grad]
    return Gradients(vae.model, vae.guide, objective, parts=parts)(parameters, (x,))


def averages_by_hand(vae, batches, decay):
    """The ratio of the averages of sums and of counts, with what took which code."""
    book = vae.posterior.codebook
    e = book.vectors.clone()
    counts, sums = torch.ones(4), e.clone()
    for x in batches:
        f = vae.posterior.network(x).detach().view(-1, 2)
        k = torch.cdist(f, e).argmin(-1)
        hot = torch.nn.functional.one_hot(k, 4).float()
        counts = decay * counts + (1 - decay) * hot.sum(0)
        sums = decay * sums + (1 - decay) * hot.T @ f
        e = sums / counts.unsqueeze(-1)
    return e, counts


def test_averages_are_those_of_sums_and_counts():
    vae = make(restart=0.0)
    batches = data(40).split(8)
    vectors, counts = averages_by_hand(vae, batches, 0.8)
    for x in batches:
        gradients(vae, x)
    book = vae.posterior.codebook
    torch.testing.assert_close(book.vectors, vectors)
    torch.testing.assert_close(book.counts, counts)


def test_parts_of_a_batch_are_one_step():
    one, three = make(restart=0.0), make(restart=0.0)
    for x in data(24).split(8):
        gradients(one, x)
        gradients(three, x, parts=3)
    torch.testing.assert_close(one.posterior.codebook.vectors, three.posterior.codebook.vectors)
    torch.testing.assert_close(one.posterior.codebook.counts, three.posterior.codebook.counts)


def test_particles_are_one_step():
    one, three = make(restart=0.0), make(restart=0.0)
    gradients(one, data(8))
    gradients(three, data(8), objective=VectorQuantizedELBO(num_particles=3))
    assert same(state(one.posterior), state(three.posterior))


def test_dead_codes_begin_anew_at_vectors_of_the_step():
    vae, x = make(restart=0.3, decay=0.5), data(8)
    book = vae.posterior.codebook
    with torch.no_grad():
        book.vectors[1], book.vectors[3] = 1e3, -1e3  # out of reach
    gradients(vae, x)  # little was seen before, so that a code that nothing takes is dead at once
    f = vae.posterior.network(x).view(-1, 2)
    for dead in (1, 3):
        assert (f == book.vectors[dead]).all(-1).any()
        assert book.counts[dead] == pytest.approx(book.counts[[1, 3]].mean().item())
    # Which vectors is a matter of the step's random numbers.
    places = set()
    for seed in range(20):
        vae = make(restart=0.3, decay=0.5)
        vae.posterior.codebook.vectors[1] = 1e3
        torch.manual_seed(seed)
        gradients(vae, x)
        places.add(tuple(vae.posterior.codebook.vectors[1].tolist()))
    assert len(places) > 3


def test_nothing_else_moves_them():
    vae = make()
    trained(vae, data())
    before = state(vae)
    evaluate(vae, data(), samples=2)
    vae.encode(data())
    vae.sample(3)
    vae.reconstruct(data())
    VectorQuantizedELBO().loss(vae.model, vae.guide, data())  # without a gradient
    vae.eval()
    gradients(vae, data())
    assert same(state(vae), before)
    vae.train()
    other = make()
    fit(
        other,
        Data(data(), data(seed=2)),
        objective=VectorQuantizedELBO(),
        epochs=2,
        batch_size=8,
        compile=False,
        optimizer=SGD,
        progress=False,
        seed=0,
    )
    assert same(state(other), before)  # validation data leave no trace


def test_a_step_whose_gradient_is_not_finite_moves_nothing():
    vae = make()
    gradients(vae, data(8))
    before = state(vae)
    with without_validation():
        assert gradients(vae, torch.full((8, D), torch.nan)).isnan()
    assert same(state(vae), before)
    gradients(vae, data(8))
    assert not same(state(vae), before)


def test_a_step_that_is_left_out_moves_nothing():
    vae = make()
    before = state(vae)
    parameters = [p for p in vae.parameters() if p.requires_grad]
    too_large = Gradients(vae.model, vae.guide, VectorQuantizedELBO(), skips=Skips(1e-9))
    assert too_large(parameters, (data(8),)).isfinite()
    assert same(state(vae), before)


def test_a_loop_of_ones_own():
    vae, batches = make(restart=0.0), data(32).split(8)
    svi = SVI(vae.model, vae.guide, pyro.optim.SGD({"lr": 0.0}), loss=ELBO())
    vectors, _ = averages_by_hand(vae, batches[:-1], 0.8)
    for x in batches:
        svi.step(x)
    # What the last step has seen moves them when the next one begins.
    torch.testing.assert_close(vae.posterior.codebook.vectors, vectors)
    ours = make(restart=0.0)
    loop = CompiledSVI(ours.model, ours.guide, partial(torch.optim.SGD, lr=0.0), ELBO())
    loop._eagerly((batches[0],))
    assert not torch.equal(ours.posterior.codebook.counts, torch.ones(4))


@pytest.mark.parametrize(
    ("book", "traced"),
    [
        ("stages", True),
        pytest.param("stages", False, marks=pytest.mark.proof),
        pytest.param("one", False, marks=pytest.mark.proof),
    ],
)
def test_compiled_and_eager_training_follow_each_other(book, traced, request):
    if traced:
        request.getfixturevalue("only_traced")
    histories = []
    for compile in (False, True):
        one = lambda: MovingAverageCodebook(4, 2, decay=0.8, restart=0.3)
        vae = make(one if book == "one" else lambda one=one: ResidualCodebook([one(), one()]))
        trained(vae, data(40), compile=compile, epochs=3)
        histories.append(state(vae))
    for name, tensor in histories[0].items():
        torch.testing.assert_close(histories[1][name], tensor, rtol=1e-3, atol=1e-4)


def test_training_resumes_to_the_same_bits(tmp_path):
    books = lambda: ResidualCodebook([MovingAverageCodebook(4, 2), LearnedCodebook(4, 2)])
    whole = trained(make(books), data(), epochs=4)
    halves = make(books)
    trained(halves, data(), epochs=2, checkpoint=tmp_path / "checkpoint.pt")
    again = make(books, seed=5)
    trained(again, data(), epochs=4, checkpoint=tmp_path / "checkpoint.pt", resume=True)
    assert same(state(again), state(whole))
