"""Every part, objective and option can be traced, to the numbers of the eager step."""

from functools import partial
from itertools import cycle

import pyro
import pyro.infer
import pytest
import torch
from refusals import refusal
from registry import LIKELIHOODS, OBJECTIVES, POSTERIORS, PRIORS, fits
from stepping import agree, batches, categorical_vae, eager_step, vae_of
from tiny import state

from pyrovae import VAE, fit
from pyrovae.objectives import (
    ELBO,
    VIMCO,
    BetaELBO,
    CapacityELBO,
    EnumeratedELBO,
)
from pyrovae.schedules import LinearWarmup
from pyrovae.training.compiled import CompiledStep
from pyrovae.training.gradients import Gradients

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def few():
    """Programs that show each part and each objective of the registry, as few as will do."""
    fitting = [
        (prior, posterior, objective)
        for prior in PRIORS
        for posterior in POSTERIORS
        for objective in OBJECTIVES
        if fits(prior, posterior) and refusal(prior, posterior, objective) is None
    ]
    unseen, rows = {*PRIORS, *POSTERIORS, *OBJECTIVES}, []
    while unseen:
        rows.append(max(fitting, key=lambda row: len(unseen.intersection(row))))
        unseen.difference_update(rows[-1])
    number = max(len(rows), len(LIKELIHOODS))
    turns = zip(range(number), cycle(rows), cycle(LIKELIHOODS), strict=False)
    return [(*row, likelihood) for _, row, likelihood in turns]


def test_few_programs_show_every_part():
    for i, parts in enumerate((PRIORS, POSTERIORS, OBJECTIVES, LIKELIHOODS)):
        assert {row[i] for row in few()} == set(parts)


@pytest.mark.parametrize(
    "how", ["only_traced", pytest.param("only_decomposed", marks=pytest.mark.proof)]
)
@pytest.mark.parametrize(("prior", "posterior", "objective", "likelihood"), few())
def test_every_part_traces(prior, posterior, objective, likelihood, how, request):
    request.getfixturevalue(how)
    q = POSTERIORS[posterior]()
    vae = VAE(PRIORS[prior](q), q, LIKELIHOODS[likelihood]())
    torch.manual_seed(0)
    data = [(vae.sample(5, draw=True),) for _ in range(2)]
    agree(vae, OBJECTIVES[objective](), data=data)


SEVERAL = {"num_particles": 3, "vectorize_particles": True, "max_plate_nesting": 1}


@pytest.mark.usefixtures("only_traced")
@pytest.mark.parametrize(
    "objective",
    [
        pyro.infer.Trace_ELBO(max_plate_nesting=1),
        pyro.infer.Trace_ELBO(**SEVERAL),
        pyro.infer.Trace_ELBO(num_particles=3, max_plate_nesting=1),
        pyro.infer.TraceMeanField_ELBO(max_plate_nesting=1),
        pyro.infer.TraceGraph_ELBO(max_plate_nesting=1),
        pyro.infer.RenyiELBO(alpha=0.5, **SEVERAL),
        pyro.infer.ReweightedWakeSleep(**SEVERAL),
    ],
    ids=lambda objective: type(objective).__name__,
)
def test_pyros_estimators_trace(objective):
    # They ask for the value of their loss, and look for NaN in it; neither decides on anything.
    agree(vae_of(), objective)


@pytest.mark.usefixtures("only_traced")
def test_a_part_in_two_places_keeps_its_parameters():
    # A VampPrior's posterior is the guide's: one module under two names.
    vaes, losses = [vae_of(prior="VampPrior") for _ in range(2)], []
    vaes[1].load_state_dict(state(vaes[0]))
    before = [id(p) for p in vaes[1].parameters()]
    for vae, compile in zip(vaes, (False, True), strict=True):
        arguments = {"epochs": 3, "batch_size": 5, "progress": False, "device": "cpu"}
        history = fit(vae, batches(10)[0][0], compile=compile, **arguments)
        losses.append(history.column("loss"))
    assert [id(p) for p in vaes[1].parameters()] == before
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    for name, tensor in state(vaes[0]).items():
        torch.testing.assert_close(state(vaes[1])[name], tensor, rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("only_traced")
@pytest.mark.parametrize(
    "objective", [EnumeratedELBO(), VIMCO(num_particles=3), ELBO()], ids=lambda o: repr(o)
)
def test_discrete_latents_trace(objective):
    agree(categorical_vae(), objective)


@pytest.mark.usefixtures("only_traced")
def test_clipping_is_part_of_the_step():
    vae = vae_of()
    start = agree(vae, ELBO(), clip_norm=0.01)
    ways = torch.stack([(value - start[name]).norm() for name, value in state(vae).items()])
    assert ways.norm().item() == pytest.approx(0.01, rel=1e-3)


@pytest.mark.usefixtures("only_traced")
def test_bfloat16_rounds_products_and_nothing_else():
    seen = []

    class Watched(VAE):
        def model(self, x):
            with self.data_plate(x):
                z = pyro.sample("z", self.prior())
                px = self.likelihood(z)
                seen.append(px.base_dist.logits.dtype)
                return pyro.sample("x", px, obs=x)

    plain = vae_of()
    vae = Watched(plain.prior, plain.posterior, plain.likelihood)
    agree(vae, ELBO(), precision="bf16")
    assert set(seen) == {torch.float32}
    gradients = Gradients(vae.model, vae.guide, ELBO(), precision="bf16")
    x = batches()[0]
    losses = []
    for precision in ("float32", "bf16"):
        gradients.precision = precision
        torch.manual_seed(0)
        losses.append(gradients(list(vae.parameters()), x).item())
    assert losses[0] != losses[1]
    # 8 bits in each factor: relative errors of a few thousandths.
    assert losses[0] == pytest.approx(losses[1], rel=0.02)


@pytest.mark.usefixtures("only_traced")
def test_a_capacity_moves_inside_the_graph():
    objective = BetaELBO(1.0, elbo=CapacityELBO(capacity=LinearWarmup(4, end=8.0)))
    vae = vae_of()
    step = eager_step(vae, objective, optimizer=partial(torch.optim.SGD, lr=0.0))
    first, third = batches()
    compiled = CompiledStep(vae, step, first)
    assert float(objective.elbo.capacity) == 0  # comparing has moved it and put it back
    losses = []
    for epoch in (0, 4):
        objective.advance(epoch)
        torch.manual_seed(0)
        losses.append(compiled(third).item())
    # 30 |KL - C| for 5 data, where C goes from 0 to 8.
    torch.manual_seed(0)
    with pyro.get_param_store().scope():
        eager = step(third).item()
    assert losses[1] == pytest.approx(eager, rel=1e-5)
    assert losses[0] != losses[1]
