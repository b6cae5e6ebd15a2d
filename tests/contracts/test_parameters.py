"""Gradients, number types and devices of every public component."""

import pytest
import torch
from parts import PARTS, over, score
from registry import DATA, LATENT, NETWORKS, NOT_REPARAMETERIZED, OF_CODES, POINTS, POSTERIORS


@over({name: make for name, make in POSTERIORS.items() if name not in NOT_REPARAMETERIZED})
def test_draws_of_a_posterior_carry_gradients(part):
    module = part()
    z = module(torch.rand(5, *DATA)).rsample()
    # Of unequal weights: the coordinates of a point on the simplex always add up to one, and the
    # gradient of that is nothing but rounding.
    (z * torch.arange(1.0, 1.0 + LATENT)).sum().backward()
    size = max(p.grad.abs().max() for p in module.parameters() if p.grad is not None)
    assert size > 1e-4


@over(PARTS)
def test_dtype_follows_the_module(part):
    module = part.make().double()
    p = module(*part.given((5,), torch.float64))
    assert p.sample().dtype == torch.float64
    given, value = part.given((5,), torch.float64), part.value((5,), torch.float64)
    assert score(part, module, given, value).dtype == torch.float64


@pytest.mark.cuda
@over(PARTS)
def test_device_follows_the_module(part):
    module = part.make().cuda()
    p = module(*(g.cuda() for g in part.given((5,))))
    assert p.sample().is_cuda
    assert p.log_prob(part.value((5,)).cuda()).is_cuda


# The draws of a point mass pass by its codebook, which VectorQuantizedELBO alone trains.
@over(
    {
        name: part
        for name, part in PARTS.items()
        if any(True for _ in part.make().parameters()) and name not in POINTS
    }
)
def test_every_parameter_gets_a_gradient(part):
    module = part.make()
    score(part, module, part.given((5,)), part.value((5,))).sum().backward()
    without = [
        name
        for name, parameter in module.named_parameters()
        if part.name not in OF_CODES or not name.startswith("posterior.")
        if parameter.grad is None or not (parameter.grad.isfinite() & (parameter.grad != 0)).any()
    ]
    assert not without


@over({name: make for name, make in NETWORKS.items() if any(True for _ in make().parameters())})
def test_every_parameter_of_a_network_gets_a_gradient(part):
    network = part()
    (network(torch.randn(64, *network.in_shape)) ** 2).sum().backward()
    without = [name for name, p in network.named_parameters() if not p.grad.any()]
    assert not without
