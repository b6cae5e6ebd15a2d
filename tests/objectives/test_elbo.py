"""Value and gradient are those of Pyro's Trace_ELBO, for programs of every kind."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from programs import PROGRAMS, loss_and_gradients
from pyro.infer import Trace_ELBO

from pyrovae.objectives import ELBO


@pytest.mark.parametrize("num_particles", [1, 4])
@pytest.mark.parametrize("name", PROGRAMS)
def test_equals_pyros(name, num_particles):
    model, guide, x = PROGRAMS[name]()
    pyros = Trace_ELBO(
        num_particles=num_particles, vectorize_particles=num_particles > 1, max_plate_nesting=1
    )
    expected_loss, expected = loss_and_gradients(pyros, model, guide, x)
    loss, gradients = loss_and_gradients(ELBO(num_particles=num_particles), model, guide, x)
    assert loss == pytest.approx(expected_loss, rel=1e-5)
    assert gradients.keys() == expected.keys()
    for parameter, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[parameter], rtol=1e-4, atol=1e-4)
    assert any(gradient.any() for gradient in gradients.values())


@pytest.mark.parametrize("name", PROGRAMS)
def test_loss_equals_pyros(name):
    model, guide, x = PROGRAMS[name]()
    torch.manual_seed(1)
    expected = Trace_ELBO(max_plate_nesting=1).loss(model, guide, x)
    torch.manual_seed(1)
    assert ELBO().loss(model, guide, x) == pytest.approx(expected, rel=1e-5)


def test_equals_pyros_with_a_plate_within_the_datas():

    def model(x):
        with pyro.plate("data", 4, dim=-2):
            z = pyro.sample("z", dist.Normal(torch.zeros(4, 1), 1.0))
            with pyro.plate("pixels", 3, dim=-1):
                c = pyro.sample("c", dist.Bernoulli(0.4 * torch.ones(4, 3)))
                pyro.sample("x", dist.Normal(z + c, 1.0), obs=x)

    def guide(x):
        a = pyro.param("a", torch.tensor(0.5))
        with pyro.plate("data", 4, dim=-2):
            pyro.sample("z", dist.Normal(a * x.mean(1, keepdim=True), 1.0))
            with pyro.plate("pixels", 3, dim=-1):
                pyro.sample("c", dist.Bernoulli(logits=a * x))

    x = torch.randn(4, 3)
    for k in (1, 3):
        options = {"num_particles": k, "max_plate_nesting": 2}
        pyros = Trace_ELBO(vectorize_particles=k > 1, **options)
        expected_loss, expected = loss_and_gradients(pyros, model, guide, x)
        loss, gradients = loss_and_gradients(ELBO(**options), model, guide, x)
        assert loss == pytest.approx(expected_loss, rel=1e-5)
        torch.testing.assert_close(gradients["a"], expected["a"])
