"""Which codes stand for what, by loops, and what a latent of codes is."""

from itertools import product

import pytest
import torch

from pyrovae import VAE, evaluate, fit, load, save
from pyrovae.codebooks import (
    FiniteScalarCodebook,
    LearnedCodebook,
    LookupFreeCodebook,
    MovingAverageCodebook,
    ResidualCodebook,
)
from pyrovae.latents import latent_kind
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP, Chain, ConvDecoder, ConvEncoder, SumOfStages
from pyrovae.objectives import ELBO, VectorQuantizedELBO
from pyrovae.posteriors import QuantizedPosterior
from pyrovae.priors import AutoregressiveCodePrior, CategoricalCodePrior

D = 5
BOOKS = {
    "averages": lambda: MovingAverageCodebook(3, 2),
    "residual": lambda: ResidualCodebook([LearnedCodebook(3, 2), MovingAverageCodebook(3, 2)]),
    "scalar": lambda: FiniteScalarCodebook([3, 2]),
    "signs": lambda: LookupFreeCodebook(2),
}


def make(book, prior=CategoricalCodePrior, positions=2, **options):
    q = QuantizedPosterior(MLP(D, [6], 2 * positions, activation="tanh"), book)
    (latent,) = q.latent_shape
    likelihood = BernoulliLikelihood(MLP(latent, [6], D, activation="tanh"))
    vae = VAE(prior(q, **options), q, likelihood)
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return vae


def every_latent(q):
    """All latents that codes make, with their numbers in order."""
    table = q.codebook()
    shape = q.code_shape
    numbers = torch.tensor([*product(range(table.codes), repeat=shape.numel())])
    numbers = numbers.view(-1, *shape)
    vectors = table.vectors(numbers, len(shape)).detach()
    return numbers, vectors.movedim(-1, -len(shape)).flatten(1, 2)


@pytest.mark.parametrize("name", BOOKS)
def test_a_latent_says_which_codes_it_is_made_of(name):
    q = make(BOOKS[name]()).posterior.eval()
    numbers, z = every_latent(q)
    table = q.codebook()
    assert len({tuple(row) for row in z.tolist()}) == len(z) == table.codes ** numbers[0].numel()
    vectors = z.unflatten(1, (-1, 2))
    assert torch.equal(table.numbers(vectors, 1), numbers)
    x = torch.rand(7, D)
    assert latent_kind(q(x)) == "code"
    assert q(x).support.check(q(x).sample()).all()
    assert q(x).support.check(z).all()
    assert not q(x).support.check(z + 0.3).any()


@pytest.mark.parametrize("prior", [CategoricalCodePrior, AutoregressiveCodePrior])
@pytest.mark.parametrize("name", BOOKS)
def test_probabilities_add_up_and_the_bound_is_one(name, prior):
    vae, x = make(BOOKS[name](), prior), torch.rand(4, D).round()
    _, z = every_latent(vae.posterior)
    log_p = vae.prior().log_prob(z)
    assert log_p.logsumexp(0).item() == pytest.approx(0, abs=1e-5)
    log_p_x = torch.stack([vae.likelihood(z).log_prob(row) for row in x])
    exact = (log_p + log_p_x).logsumexp(1)
    found = evaluate(vae, x, samples=3)
    assert found.elbo < exact.mean().item()
    assert found.log_likelihood.value == pytest.approx(found.elbo, abs=1e-5)
    stages = vae.posterior.codebook.stages
    names = {"z"} if stages == 1 else {"z[1]", "z[2]"}
    assert found.codebooks.keys() == names
    k = vae.posterior(x).indices.chunk(stages, 1)
    for use, numbers in zip(found.codebooks.values(), k, strict=True):
        assert use.codes - use.dead == len(numbers.unique())


def test_levels_are_those_of_a_loop():
    levels = [8, 5, 4, 3, 2]
    table = FiniteScalarCodebook(levels)()
    f = 3 * torch.randn(50, 5)
    f[0], f[1] = 40.0, -40.0
    target, numbers = table.assign(f, 0)
    z = table.vectors(numbers, 0)
    for i, n in enumerate(levels):
        grid = [(k - n // 2) / (n // 2) for k in range(n)]
        assert table.table[:, i].unique().tolist() == pytest.approx(sorted(grid))
        nearest = [min(grid, key=lambda g, t=t: abs(g - t)) for t in target[:, i].tolist()]
        assert z[:, i].tolist() == pytest.approx(nearest)
        # The outer levels are reached, and no more than these.
        assert z[:2, i].tolist() == pytest.approx([grid[-1], grid[0]])
    # Where the network puts out zero, a level has its middle.
    middle = table.target(torch.zeros(1, 5))[:, :4]
    torch.testing.assert_close(middle, middle.new_tensor([[0.0, 0.0, 0.0, 0.0]]))


def test_signs_are_binary_digits():
    f = torch.tensor([[-1.0, 2.0, 0.5], [0.0, -3.0, 1e-9], [5.0, 5.0, -5.0]])
    table = LookupFreeCodebook(3)()
    _, numbers = table.assign(f, 0)
    assert numbers.tolist() == [0b011, 0b001, 0b110]
    assert table.vectors(numbers, 0).tolist() == [[-1, 1, 1], [-1, -1, 1], [1, 1, -1]]


def test_stages_stand_for_what_is_left():
    books = [LearnedCodebook(4, 2), LearnedCodebook(4, 2), LearnedCodebook(4, 2)]
    q = QuantizedPosterior(MLP(D, [], 4), ResidualCodebook(books))
    x = torch.rand(6, D)
    found = q(x)
    assert found.event_shape == (12,)
    code = found.sample().view(6, 3, 2, 2)  # stages, places, numbers
    for n, place in product(range(6), range(2)):
        rest = q.network(x)[n].view(2, 2)[place]
        for stage, book in enumerate(books):
            best = (book.vectors - rest).square().sum(-1).argmin()
            assert found.indices[n].view(3, 2)[stage, place] == best
            assert torch.equal(code[n, stage, place], book.vectors[best])
            rest = rest - book.vectors[best]


def test_the_gradient_of_a_sum_of_stages_passes_once():
    q = QuantizedPosterior(
        MLP(D, [], 4), ResidualCodebook([LearnedCodebook(4, 2) for _ in range(3)])
    )
    weight = torch.randn(4)
    z = SumOfStages(12, 3)(q(torch.ones(1, D)).rsample())
    torch.testing.assert_close(z[0], q(torch.ones(1, D)).sample().view(3, 4).sum(0))
    (z * weight).sum().backward()
    bias = next(p for p in q.network.parameters() if p.shape == (4,))
    torch.testing.assert_close(bias.grad, weight)


def test_levels_are_trained_by_the_bound_alone():
    torch.manual_seed(0)
    kinds = torch.tensor([[1.0, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]])
    x = kinds[torch.randint(3, (200,))]
    vae = make(FiniteScalarCodebook([3, 3]))
    adam = lambda parameters: torch.optim.Adam(parameters, lr=0.02)
    fit(vae, x, objective=ELBO(), epochs=30, batch_size=50, optimizer=adam, progress=False)
    after = evaluate(vae, x, samples=1)
    # More than any one code, whose decoder has the shares of the variables: 5 times H(1/3).
    assert after.reconstruction > -3.18


@pytest.mark.parametrize("name", BOOKS)
def test_maps_of_codes_files_and_queries(name, tmp_path):
    book = BOOKS[name]()
    encoder = ConvEncoder((1, 8, 8), (4, 2, 2), channels=(4,))
    q = QuantizedPosterior(encoder, book)
    assert q.code_shape == (2 * book.stages, 2, 2)
    decoder = Chain(
        [
            SumOfStages(q.latent_shape, book.stages),
            ConvDecoder((4, 2, 2), (1, 8, 8), channels=(4,)),
        ]
    )
    vae = VAE(AutoregressiveCodePrior(q, hidden=8), q, BernoulliLikelihood(decoder))
    x = torch.rand(20, 1, 8, 8).round()
    fit(vae, x, objective=VectorQuantizedELBO(), epochs=1, batch_size=10, progress=False)
    z = vae.encode(x)
    assert z.shape == (20, 4 * book.stages, 2, 2)
    assert vae.sample(3).shape == vae.reconstruct(x[:3]).shape == (3, 1, 8, 8)
    save(vae, tmp_path / "vae.pt")
    loaded = load(tmp_path / "vae.pt")
    assert torch.equal(loaded.encode(x), z)
    assert torch.equal(loaded.prior().log_prob(z), vae.prior().log_prob(z))


def test_what_does_not_fit_is_refused():
    with pytest.raises(
        ValueError, match=r"levels: expected at least 2 for each variable, got \[3"
    ):
        FiniteScalarCodebook([3, 1])
    with pytest.raises(ValueError, match="levels: expected at most 262,144 comb.*, got 1,000,000"):
        FiniteScalarCodebook([100, 100, 100])
    with pytest.raises(ValueError, match="code_features: expected 1 to 18, got 19"):
        LookupFreeCodebook(19)
    with pytest.raises(ValueError, match="decay: expected a number in"):
        MovingAverageCodebook(decay=1.0)
    with pytest.raises(ValueError, match="restart: expected a number in"):
        MovingAverageCodebook(restart=-0.1)
    with pytest.raises(ValueError, match="codebooks: expected at least one, got none"):
        ResidualCodebook([])
    with pytest.raises(ValueError, match=r"codes and features in each, got \[\(3, 2\), \(4, 2\)"):
        ResidualCodebook([LearnedCodebook(3, 2), LearnedCodebook(4, 2)])
    book = LearnedCodebook(3, 2)
    with pytest.raises(ValueError, match="the same one twice"):
        ResidualCodebook([book, book])
    with pytest.raises(ValueError, match=r"codebooks\[0\]: expected a .*VectorCodebook"):
        ResidualCodebook([LookupFreeCodebook(2)])
    with pytest.raises(ValueError, match=r"divides by code_features, 2, got \(5,\)"):
        QuantizedPosterior(MLP(D, [], 5), book)
    with pytest.raises(
        ValueError, match="stages: expected a divisor of the first dimension of in_shape, 4"
    ):
        SumOfStages(4, 3)
