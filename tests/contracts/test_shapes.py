"""What every public component declares, and the shapes and densities that it gives."""

import inspect

import pyro.infer
import pytest
import torch
from parts import CONDITIONAL, PARTS, Posterior_, Prior_, over, score
from registry import (
    AROUND,
    DATA,
    DRAWN,
    LATENT,
    LIKELIHOODS,
    NETWORKS,
    OBJECTIVES,
    ONE_WAY,
    POSTERIORS,
    PRIORS,
    WITH_LABELS,
    WITH_MODALITIES,
    WITHOUT_MEAN,
)
from torch import nn

import pyrovae.likelihoods
import pyrovae.nn
import pyrovae.objectives
import pyrovae.posteriors
import pyrovae.priors
from pyrovae.likelihoods import Likelihood
from pyrovae.nn import Network
from pyrovae.posteriors import Posterior
from pyrovae.priors import Prior

LEADING = [(5,), (2, 5), ()]


@pytest.mark.parametrize(
    ("module", "base", "made"),
    [
        (pyrovae.nn, Network, [make() for make in NETWORKS.values()]),
        (pyrovae.priors, Prior, [Prior_(name, make).make() for name, make in PRIORS.items()]),
        (pyrovae.posteriors, Posterior, [make() for make in POSTERIORS.values()]),
        (pyrovae.likelihoods, Likelihood, [make() for make in LIKELIHOODS.values()]),
        (
            pyrovae.objectives,
            pyro.infer.ELBO,
            [make() for make in (OBJECTIVES | WITH_LABELS | WITH_MODALITIES).values()],
        ),
    ],
    ids=["nn", "priors", "posteriors", "likelihoods", "objectives"],
)
def test_registry_names_every_public_component(module, base, made):
    public = {
        thing
        for name in module.__all__
        if inspect.isclass(thing := getattr(module, name))
        and issubclass(thing, base)
        and not inspect.isabstract(thing)
    }
    assert public
    assert public == {type(component) for component in made}


@over({name: part for name, part in PARTS.items() if isinstance(part, Prior_)})
def test_shapes_of_a_prior(part):
    prior = part.make()
    p = prior()
    assert p.batch_shape == ()
    assert p.event_shape == prior.latent_shape == part.event
    assert p.sample().shape == part.event
    assert p.sample((7, 2)).shape == (7, 2, *part.event)
    assert p.log_prob(part.value((7, 2))).shape == (7, 2)


@pytest.mark.parametrize("leading", LEADING)
@over(CONDITIONAL)
def test_shapes_of_a_posterior_or_likelihood(part, leading):
    module, given = part.make(), part.given(leading)
    p = module(*given)
    assert p.batch_shape == leading
    assert p.event_shape == part.event
    assert p.sample().shape == (*leading, *part.event)
    assert p.sample((7,)).shape == (7, *leading, *part.event)
    assert score(part, module, given, part.value(leading)).shape == leading
    if part.name in WITHOUT_MEAN | DRAWN:
        assert not getattr(module, "mean_known", False)
        with pytest.raises(NotImplementedError):
            _ = p.mean
    else:
        assert p.mean.shape == (*leading, *part.event)


@over({name: part for name, part in CONDITIONAL.items() if name not in ONE_WAY})
def test_data_do_not_see_each_other(part):
    module = part.make()
    given, value = part.given((2, 3)), part.value((2, 3))
    together = module(*given).log_prob(value)
    for i in range(2):
        for j in range(3):
            alone = module(*(g[i, j] for g in given)).log_prob(value[i, j])
            torch.testing.assert_close(together[i, j], alone)


@over({name: make for name, make in POSTERIORS.items() if name in ONE_WAY})
def test_density_of_other_values_is_refused(part):
    module = part()
    assert not module.density_everywhere
    q = module(torch.rand(5, *DATA))
    with pytest.raises(NotImplementedError, match="flow has no inverse"):
        q.log_prob(q.sample() + 0.1)


@over(PARTS)
def test_declared_shapes_are_those_of_the_distribution(part):
    module = part.make()
    assert module.latent_shape == (LATENT,)
    if not isinstance(part, Prior_):
        assert module.data_shape == DATA


WITH_NETWORK = {name: part for name, part in CONDITIONAL.items() if name not in AROUND}


@over(WITH_NETWORK)
def test_network_shape_is_the_out_shape_of_its_network(part):
    module = part.make()
    options = {k: v for k, v in module.init_args.items() if k != "network"}
    size = LATENT if isinstance(part, Posterior_) else DATA
    assert type(module).network_shape(size, **options) == module.network.out_shape
    # Options that other classes know are passed over.
    assert type(module).network_shape(size, foreign=1, **options) == module.network.out_shape


@over({name: PARTS[name] for name in POSTERIORS if name not in AROUND})
def test_posterior_refuses_a_network_whose_output_does_not_divide(part):
    module = part.make()
    options = {k: v for k, v in module.init_args.items() if k != "network"}
    (right,) = module.network.out_shape
    shapes = {type(module).network_shape(n, **options) for n in range(1, right + 2)}
    if (right + 1,) in shapes:  # one number more is one latent variable more
        assert type(module)(pyrovae.nn.MLP(DATA, [4], right + 1), **options).latent_shape != (
            LATENT,
        )
        return
    with pytest.raises(
        ValueError,
        match=rf"network: .*(fits no number of|numbers for each) latent.*\({right + 1},\)",
    ):
        type(module)(pyrovae.nn.MLP(DATA, [4], right + 1), **options)


@over(WITH_NETWORK)
def test_a_network_without_shapes_is_refused(part):
    module = part.make()
    options = {k: v for k, v in module.init_args.items() if k != "network"}
    with pytest.raises(ValueError, match=r"network: expected a pyrovae.nn.Network.*got Linear"):
        type(module)(nn.Linear(30, 9), **options)
