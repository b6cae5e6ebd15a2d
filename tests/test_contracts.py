"""What every public component keeps, run over the registry."""

import copy
import inspect

import pyro.infer
import pytest
import torch
from registry import (
    DATA,
    LATENT,
    LIKELIHOODS,
    NETWORKS,
    NOT_REPARAMETERIZED,
    OBJECTIVES,
    OF_CODES,
    ONE_WAY,
    POINTS,
    POSTERIORS,
    PRIORS,
    WITH_LABELS,
    WITHOUT_MEAN,
    data_for,
    latent_for,
)
from torch import nn

import pyrovae.likelihoods
import pyrovae.nn
import pyrovae.objectives
import pyrovae.posteriors
import pyrovae.priors
from pyrovae import load, save
from pyrovae.likelihoods import Likelihood
from pyrovae.nn import Network
from pyrovae.posteriors import Posterior
from pyrovae.priors import Prior

LEADING = [(5,), (2, 5), ()]


class Prior_:
    """A prior of the registry, read as the other parts are: a value for it, and its shapes."""

    event = torch.Size([LATENT])

    def __init__(self, name, make):
        self.name = name
        q = "VectorQuantizedPosterior" if name in OF_CODES else "NormalPosterior"
        self.make = lambda: make(POSTERIORS[q]())

    def given(self, leading, dtype=torch.float32):
        return ()

    def value(self, leading, dtype=torch.float32):
        return latent_for(self.name, leading, dtype)


class Posterior_:
    event = torch.Size([LATENT])

    def __init__(self, name, make):
        self.name = name
        self.make = make

    def given(self, leading, dtype=torch.float32):
        return (torch.rand(*leading, *DATA, dtype=dtype),)

    def value(self, leading, dtype=torch.float32):
        return latent_for(self.name, leading, dtype)


class Likelihood_:
    event = DATA

    def __init__(self, name, make):
        self.name = name
        self.make = make

    def given(self, leading, dtype=torch.float32):
        return (torch.randn(*leading, LATENT, dtype=dtype),)

    def value(self, leading, dtype=torch.float32):
        return data_for(self.name, leading, dtype)


PARTS = (
    {name: Prior_(name, make) for name, make in PRIORS.items()}
    | {name: Posterior_(name, make) for name, make in POSTERIORS.items()}
    | {name: Likelihood_(name, make) for name, make in LIKELIHOODS.items()}
)
CONDITIONAL = {name: part for name, part in PARTS.items() if not isinstance(part, Prior_)}
COMPONENTS = {name: part.make for name, part in PARTS.items()} | NETWORKS


def score(part, module, given, value):
    """The log-density of a value; of a draw of its own, where it knows no other.

    Of a point mass it is the draw itself that counts.
    """
    p = module(*given)
    if part.name in POINTS:
        return p.rsample().sum(-1)
    if part.name in ONE_WAY:
        with torch.random.fork_rng():
            torch.manual_seed(1)
            value = p.rsample()
    return p.log_prob(value)


def over(dictionary):
    return pytest.mark.parametrize("part", list(dictionary.values()), ids=list(dictionary))


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
            [make() for make in (OBJECTIVES | WITH_LABELS).values()],
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
    if part.name in WITHOUT_MEAN:
        assert not module.mean_known
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


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
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


@over(NETWORKS)
def test_every_parameter_of_a_network_gets_a_gradient(part):
    network = part()
    (network(torch.randn(64, *network.in_shape)) ** 2).sum().backward()
    without = [name for name, p in network.named_parameters() if not p.grad.any()]
    assert not without


def shake(module):
    """Moves every parameter, so that an instance differs from a fresh one."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.1 * torch.randn_like(parameter)


@over(PARTS)
def test_state_dict_round_trip(part):
    module, fresh = part.make(), part.make()
    shake(module)
    given, value = part.given((5,)), part.value((5,))
    expected = score(part, module, given, value)
    if any(True for _ in module.parameters()):
        assert not torch.equal(score(part, fresh, given, value), expected)
    fresh.load_state_dict(module.state_dict())
    assert torch.equal(score(part, fresh, given, value), expected)


@over({name: part for name, part in PARTS.items() if name != "ExemplarPrior"})
def test_checkpoint_round_trip(part, tmp_path):
    # An ExemplarPrior's data are not in its checkpoint: tests/priors/test_exemplar_prior.py.
    module = part.make().eval()
    shake(module)
    given, value = part.given((5,)), part.value((5,))
    save(module, tmp_path / "part.pt")
    loaded = load(tmp_path / "part.pt")
    assert loaded.init_args.keys() == module.init_args.keys()
    expected = score(part, module, given, value)
    assert torch.equal(score(part, loaded, given, value), expected)


@over(PARTS)
def test_deep_copy_is_independent(part):
    module = part.make()
    given, value = part.given((5,)), part.value((5,))
    expected = score(part, module, given, value)
    clone = copy.deepcopy(module)
    assert torch.equal(score(part, clone, given, value), expected)
    shake(clone)
    assert torch.equal(score(part, module, given, value), expected)
    assert not {id(p) for p in module.parameters()} & {id(p) for p in clone.parameters()}


@over(COMPONENTS)
def test_repr_names_class_and_scalar_arguments(part):
    module = part()
    text = repr(module)
    assert text.startswith(type(module).__name__)
    signature = inspect.signature(type(module)).parameters
    for name, value in module.init_args.items():
        assert name in signature
        if isinstance(value, int | float | str):
            assert f"{name}={value!r}" in text
        if isinstance(value, nn.Module):
            assert f"({name}): {type(value).__name__}(" in text


@over(OBJECTIVES | WITH_LABELS)
def test_repr_of_an_objective(part):
    objective = part()
    assert repr(objective).startswith(f"{type(objective).__name__}(")
    assert f"num_particles={objective.num_particles}" in repr(objective)


@over(PARTS)
def test_declared_shapes_are_those_of_the_distribution(part):
    module = part.make()
    assert module.latent_shape == (LATENT,)
    if not isinstance(part, Prior_):
        assert module.data_shape == DATA


@over(CONDITIONAL)
def test_network_shape_is_the_out_shape_of_its_network(part):
    module = part.make()
    options = {k: v for k, v in module.init_args.items() if k != "network"}
    size = LATENT if isinstance(part, Posterior_) else DATA
    assert type(module).network_shape(size, **options) == module.network.out_shape
    # Options that other classes know are passed over.
    assert type(module).network_shape(size, foreign=1, **options) == module.network.out_shape


@over({name: PARTS[name] for name in POSTERIORS})
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
    with pytest.raises(ValueError, match=rf"network: .*numbers for each latent.*\({right + 1},\)"):
        type(module)(pyrovae.nn.MLP(DATA, [4], right + 1), **options)


@over(CONDITIONAL)
def test_a_network_without_shapes_is_refused(part):
    cls = type(part.make())
    with pytest.raises(ValueError, match=r"network: expected a pyrovae.nn.Network.*got Linear"):
        cls(nn.Linear(30, 9))
