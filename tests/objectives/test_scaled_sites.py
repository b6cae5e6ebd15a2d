"""A scale around sites tempers importance weights, and is refused where it would."""

import linear_gaussian
import pytest
import torch
from programs import loss_and_gradients, subsampled
from pyro import poutine

from pyrovae import evaluate
from pyrovae.evaluation import elbo, inference_gap, log_likelihood, score
from pyrovae.handlers import ScaleLatents
from pyrovae.objectives import (
    ELBO,
    VIMCO,
    AnalyticKLELBO,
    BetaELBO,
    CombinedImportanceWeightedELBO,
    DoublyReparameterizedELBO,
    ImportanceWeightedELBO,
    MultiplyImportanceWeightedELBO,
    PartiallyImportanceWeightedELBO,
    RenyiELBO,
    ReweightedWakeSleep,
    StickingTheLandingELBO,
    ThermodynamicELBO,
)

WEIGHING = [
    VIMCO(num_particles=3),
    CombinedImportanceWeightedELBO(num_particles=4),
    DoublyReparameterizedELBO(num_particles=3),
    ImportanceWeightedELBO(num_particles=3),
    MultiplyImportanceWeightedELBO(num_particles=4),
    PartiallyImportanceWeightedELBO(num_particles=4),
    RenyiELBO(num_particles=3),
    ReweightedWakeSleep(num_particles=3),
    StickingTheLandingELBO(num_particles=3),
    ThermodynamicELBO(num_particles=3),
    BetaELBO(0.5, elbo=ImportanceWeightedELBO(num_particles=3)),
]
MESSAGE = r"site '(z|x)': its log-probability is scaled \(pyro.poutine.scale\), which tempers"


class Scaled(torch.nn.Module):
    """Programs under a scale: all sites, or the data's or the latent's alone."""

    def __init__(self, scale, sites=("x", "z")):
        super().__init__()
        self.vae = linear_gaussian.poor_vae()
        self.scale, self.sites = scale, sites

    def model(self, x):
        return self._scaled(self.vae.model)(x)

    def guide(self, x):
        return self._scaled(self.vae.guide)(x)

    def _scaled(self, program):
        return _ScaleSome(self.scale, self.sites)(program)


class _ScaleSome(poutine.messenger.Messenger):
    """What ``poutine.scale`` within a program does to the sites that it is around."""

    def __init__(self, scale, sites):
        super().__init__()
        self.scale, self.sites = scale, sites

    def _process_message(self, msg):
        if msg["name"] in self.sites:
            msg["scale"] = self.scale * msg["scale"]


SCALED = {
    "all": (0.5, ("x", "z")),
    "data": (2.0, ("x",)),
    "latent": (0.5, ("z",)),
    "tensor": (torch.tensor(0.5), ("x", "z")),
    "by datum": (torch.linspace(0.5, 1, 6), ("x",)),
}


@pytest.mark.parametrize("objective", WEIGHING, ids=lambda o: type(o).__name__)
@pytest.mark.parametrize("scale", SCALED.values(), ids=SCALED)
def test_a_scale_is_refused_where_weights_are_averaged(objective, scale):
    program, x = Scaled(*scale), linear_gaussian.data()
    with pytest.raises(ValueError, match=MESSAGE):
        objective.loss(program.model, program.guide, x)
    with pytest.raises(ValueError, match=MESSAGE):
        objective.differentiable_loss(program.model, program.guide, x)


def test_a_scale_around_whole_programs_is_refused():
    vae, x = linear_gaussian.poor_vae(), linear_gaussian.data()
    model, guide = (poutine.scale(program, scale=0.5) for program in (vae.model, vae.guide))
    with pytest.raises(ValueError, match=MESSAGE):
        ImportanceWeightedELBO(num_particles=2).loss(model, guide, x)


@pytest.mark.parametrize("question", [evaluate, score, log_likelihood, inference_gap])
@pytest.mark.parametrize("scale", SCALED.values(), ids=SCALED)
def test_reports_refuse_it(question, scale):
    for samples in (1, 5):
        with pytest.raises(ValueError, match=MESSAGE):
            question(Scaled(*scale), linear_gaussian.data(), samples=samples)


def test_a_scale_of_one_and_that_of_a_plate_are_none():
    program, x = Scaled(1.0), linear_gaussian.data()
    plain = linear_gaussian.poor_vae()
    torch.testing.assert_close(
        evaluate(program, x, samples=5).log_likelihood.value,
        evaluate(plain, x, samples=5).log_likelihood.value,
    )
    for objective in WEIGHING[3:4]:
        assert objective.loss(*subsampled()[:2], subsampled()[2]) < float("inf")


@pytest.mark.parametrize("nested", [False, True])
def test_the_librarys_own_weight_is_none(nested):
    """Around a program, within one, in a plate that draws its batch, and twice."""
    model, guide, x = subsampled()
    weighed = [ScaleLatents(torch.tensor(0.5))(program) for program in (model, guide)]
    objective = ImportanceWeightedELBO(num_particles=3)
    if nested:
        objective = BetaELBO(0.5, elbo=objective)
    torch.manual_seed(0)
    loss = objective.loss(*weighed, x)
    beta = 0.25 if nested else 0.5
    torch.manual_seed(0)
    expected = BetaELBO(beta, elbo=ImportanceWeightedELBO(num_particles=3)).loss(model, guide, x)
    assert loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("objective", [ELBO(num_particles=4), AnalyticKLELBO(num_particles=4)])
def test_an_elbo_under_a_scale_is_the_weighted_sum_with_its_gradient(objective):
    x = linear_gaussian.data()
    plain, whole, latent = linear_gaussian.poor_vae(), Scaled(0.5), Scaled(0.5, ("z",))
    for program, other, factor in (
        (whole, objective, 0.5),
        (latent, BetaELBO(0.5, elbo=objective), 1.0),
    ):
        loss, gradients = loss_and_gradients(objective, program.model, program.guide, x)
        expected, wanted = loss_and_gradients(other, plain.model, plain.guide, x)
        assert loss == pytest.approx(factor * expected, rel=1e-9)
        for got, gradient in zip(gradients.values(), wanted.values(), strict=True):
            torch.testing.assert_close(got, factor * gradient)


def test_a_bound_of_one_particle_is_a_sum_too():
    x, program = linear_gaussian.data(), Scaled(0.5)
    for objective in (ImportanceWeightedELBO(num_particles=1), StickingTheLandingELBO()):
        torch.manual_seed(0)
        loss = objective.loss(program.model, program.guide, x)
        torch.manual_seed(0)
        assert loss == pytest.approx(ELBO().loss(program.model, program.guide, x), rel=1e-9)


def test_a_prior_that_counts_otherwise_than_its_posterior_has_no_closed_form():
    """E[s log p - log q] is no multiple of the KL divergence."""
    x = linear_gaussian.data()
    program = Scaled(0.5, ("z",))
    program.guide = program.vae.guide
    torch.manual_seed(0)
    loss = AnalyticKLELBO().loss(program.model, program.guide, x)
    torch.manual_seed(0)
    assert loss == pytest.approx(ELBO().loss(program.model, program.guide, x), rel=1e-9)


def test_the_bound_of_a_split_keeps_the_programs_scale():
    x = linear_gaussian.data()
    bound = elbo(Scaled(0.5), x, samples=7)
    plain = elbo(linear_gaussian.poor_vae(), x, samples=7)
    assert bound.elbo == pytest.approx(0.5 * plain.elbo, rel=1e-9)
