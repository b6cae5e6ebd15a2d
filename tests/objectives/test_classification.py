"""The bound with a classification term: its value, its gradient, and what does not weigh it."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import RenyiELBO, Trace_ELBO

from pyrovae import VAE, fit
from pyrovae.distributions import LabelledCategorical
from pyrovae.handlers import scale_latents
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.models import SemiSupervisedVAE
from pyrovae.nn import MLP
from pyrovae.objectives import (
    ELBO,
    BetaELBO,
    ClassificationELBO,
    EnumeratedELBO,
    ImportanceWeightedELBO,
)
from pyrovae.posteriors import CategoricalPosterior, NormalPosterior
from pyrovae.priors import NormalPrior

D, L, C = 4, 2, 3
Y = torch.tensor([0, -1, 2, -1, 1])


def make():
    return SemiSupervisedVAE(
        NormalPrior(L),
        CategoricalPosterior(MLP(D, [4], C, activation="tanh")),
        NormalPosterior(MLP(D + C, [4], 2 * L, activation="tanh")),
        BernoulliLikelihood(MLP(L + C, [4], D, activation="tanh")),
    )


def data():
    return torch.tensor([[1.0, 0, 0, 1], [1, 1, 0, 0], [0, 1, 0, 0], [1, 1, 1, 0], [0, 0, 1, 1]])


def term(vae):
    """The log-probabilities of the three labels, written out."""
    log_q = vae.classifier.network(data()).log_softmax(-1)
    return log_q[0, 0] + log_q[2, 2] + log_q[4, 1]


ELBOS = {
    "EnumeratedELBO": EnumeratedELBO,
    "EnumeratedELBO-3": lambda: EnumeratedELBO(num_particles=3),
    "ELBO-3": lambda: ELBO(num_particles=3),
    "ImportanceWeightedELBO": ImportanceWeightedELBO,
    "BetaELBO": lambda: BetaELBO(0.0),
    "Trace_ELBO": lambda: Trace_ELBO(num_particles=3, max_plate_nesting=1),
    "Trace_ELBO-vectorized": lambda: Trace_ELBO(
        num_particles=3, vectorize_particles=True, max_plate_nesting=1
    ),
}


@pytest.mark.parametrize("name", ELBOS)
def test_the_term_is_added_to_any_bound_as_often_as_there_are_labels(name):
    vae = make()
    batch = (vae.model, vae.guide, data(), Y)
    parameters = list(vae.parameters())
    losses, gradients = [], []
    for objective in (ClassificationELBO(7.0, elbo=ELBOS[name]()), ELBOS[name]()):
        torch.manual_seed(0)
        losses.append(objective.differentiable_loss(*batch))
        gradients.append(
            torch.autograd.grad(losses[-1], parameters, allow_unused=True, materialize_grads=True)
        )
        torch.manual_seed(0)
        assert objective.loss(*batch) == pytest.approx(losses[-1].item(), rel=1e-5)
    expected = -7.0 * term(vae)
    torch.testing.assert_close(losses[0] - losses[1], expected, rtol=1e-4, atol=1e-4)
    grads = torch.autograd.grad(expected, parameters, allow_unused=True, materialize_grads=True)
    for a, b, c in zip(*gradients, grads, strict=True):
        torch.testing.assert_close(a - b, c, rtol=1e-3, atol=1e-4)


def test_loss_and_grads_fills_gradients_and_the_guide_runs_once():
    vae = make()
    runs = []

    def guide(*batch):
        runs.append(batch)
        return vae.guide(*batch)

    objective = ClassificationELBO(7.0, elbo=ELBO())
    torch.manual_seed(0)
    loss = objective.loss_and_grads(vae.model, guide, data(), Y)
    assert len(runs) == 1
    assert not loss.requires_grad
    found = [p.grad for p in vae.parameters()]
    torch.manual_seed(0)
    expected = torch.autograd.grad(
        objective.differentiable_loss(vae.model, vae.guide, data(), Y), list(vae.parameters())
    )
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_weights_of_the_latents_do_not_weigh_it():
    """As in a warm-up of beta."""
    vae = make()
    objective = ClassificationELBO(7.0, elbo=ELBO())
    programs = [scale_latents(program, 0.0) for program in (vae.model, vae.guide)]
    torch.manual_seed(0)
    weighed = objective.differentiable_loss(*programs, data(), Y)
    torch.manual_seed(0)
    bound = ELBO().differentiable_loss(*programs, data(), Y)
    torch.testing.assert_close(weighed - bound, -7.0 * term(vae), rtol=1e-4, atol=1e-4)


def test_a_plate_that_draws_its_batch_scales_it():
    logits = torch.randn(6, C)
    labels = torch.tensor([0, 1, -1, 2, 2, 0])

    def model(index):
        with pyro.plate("data", 6, subsample=index, dim=-1):
            pyro.sample("y", dist.OneHotCategorical(logits=torch.zeros(C)))

    def guide(index):
        with pyro.plate("data", 6, subsample=index, dim=-1):
            pyro.sample("y", LabelledCategorical(logits[index], labels[index]))

    index = torch.tensor([1, 2])
    objective = ClassificationELBO(1.0)
    bound = EnumeratedELBO().loss(model, guide, index)
    expected = 6 / 2 * logits.log_softmax(-1)[1, 1].item()
    assert bound - objective.loss(model, guide, index) == pytest.approx(expected, rel=1e-5)


def test_as_a_module_and_in_training():
    vae = make()
    objective = ClassificationELBO()
    objective(vae.model, vae.guide)(data(), Y).backward()
    assert all(p.grad.any() for p in vae.parameters())
    before = term(vae).item()
    adam = lambda parameters: torch.optim.Adam(parameters, lr=0.05)
    fit(vae, (data(), Y), objective=objective, epochs=40, optimizer=adam, progress=False)
    assert term(vae).item() > before / 4


def test_without_labels_it_says_what_it_expects():
    x = data()
    plain = VAE(
        NormalPrior(L), NormalPosterior(MLP(D, [], 2 * L)), BernoulliLikelihood(MLP(L, [], D))
    )
    for vae in (make(), plain):
        for call in ("loss", "differentiable_loss", "loss_and_grads"):
            with pytest.raises(ValueError, match="the guide has no site with labels"):
                getattr(ClassificationELBO(), call)(vae.model, vae.guide, x)


@pytest.mark.parametrize("weight", [-1.0, float("nan")])
def test_weights_that_are_refused(weight):
    with pytest.raises(ValueError, match="weight: expected a weight of at least 0"):
        ClassificationELBO(weight)


def test_an_estimator_without_differentiable_loss_is_refused():
    with pytest.raises(ValueError, match="differentiable_loss, got RenyiELBO"):
        ClassificationELBO(elbo=RenyiELBO(num_particles=2))


class ReadsLatent(torch.nn.Module):
    """A classifier q(y|x, z) that reads a drawn latent, whose value it may ignore."""

    def __init__(self, slope):
        super().__init__()
        self.slope = slope
        self.logits = torch.nn.Parameter(torch.tensor([0.3, -0.2, 0.1]))

    def model(self, x, y):
        with pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", dist.Normal(torch.zeros(L), 1.0).to_event(1))
            label = pyro.sample("y", dist.Categorical(logits=torch.zeros(C)), obs=y)
            loc = z.sum(-1) + 0.1 * label
            pyro.sample(
                "x", dist.Normal(loc.unsqueeze(-1), 1.0).expand([*loc.shape, D]).to_event(1), obs=x
            )

    def guide(self, x, y):
        with pyro.plate("data", len(x), dim=-1):
            z = pyro.sample("z", dist.Normal(torch.zeros(L), 1.0).to_event(1))
            logits = self.logits + self.slope * z[..., :1]
            pyro.sample("y", LabelledCategorical(logits, y), infer={"is_auxiliary": True})


@pytest.mark.parametrize("particles", [1, 4])
def test_a_classifier_that_reads_a_latent_counts_each_label_once(particles):
    y = torch.tensor([0, 2, 1, 1, 0])
    expected = dist.Categorical(logits=ReadsLatent(0.0).logits).log_prob(y).sum().item()

    def loss(slope, weight):
        program = ReadsLatent(slope)
        torch.manual_seed(0)
        objective = ClassificationELBO(weight, elbo=ELBO(num_particles=particles))
        return objective.differentiable_loss(program.model, program.guide, data(), y).item()

    assert loss(0.0, 0.0) - loss(0.0, 1.0) == pytest.approx(expected, rel=1e-5)
    # And one that does read it: a mean over the particles, within what they vary by.
    assert loss(0.1, 0.0) - loss(0.1, 1.0) == pytest.approx(expected, abs=1.0)
