import pyro.distributions as dist
import pytest
import torch

from pyrovae.priors import DistributionPrior


@pytest.mark.parametrize(
    ("family", "parameters", "expected"),
    [
        ("Laplace", None, dist.Laplace(0.0, 1.0)),
        ("Laplace", {"loc": 1.0, "scale": 2.0}, dist.Laplace(1.0, 2.0)),
        ("StudentT", {"df": 3.0}, dist.StudentT(3.0)),
        ("Gumbel", {"scale": 2.0}, dist.Gumbel(0.0, 2.0)),
        ("Exponential", {"rate": 2.0}, dist.Exponential(2.0)),
    ],
)
def test_density_is_the_familys(family, parameters, expected):
    p = DistributionPrior(3, family=family, parameters=parameters)()
    z = torch.rand(5, 3)
    torch.testing.assert_close(p.log_prob(z), expected.log_prob(z).sum(-1))


def test_a_family_of_vectors():
    prior = DistributionPrior(3, family="Dirichlet", parameters={"concentration": 2.0})
    assert prior.latent_kind == "simplex"
    z = torch.tensor([0.2, 0.3, 0.5])
    torch.testing.assert_close(
        prior().log_prob(z), dist.Dirichlet(torch.full((3,), 2.0)).log_prob(z)
    )


def test_kind_is_the_familys():
    assert DistributionPrior(2).latent_kind == "real"
    assert (
        DistributionPrior(2, family="Poisson", parameters={"rate": 2.0}).latent_kind == "discrete"
    )


def test_it_is_fixed():
    assert not list(DistributionPrior(3).parameters())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"family": "Student"}, "family: expected the name of a class .*got 'Student'"),
        ({"family": "constraints"}, "family: expected the name of a class"),
        ({"family": "StudentT"}, "parameters: StudentT cannot be constructed with .*df"),
        ({"family": "Laplace", "parameters": {"df": 1.0}}, "parameters: Laplace .*'df'"),
        ({"family": "Laplace", "parameters": {"scale": -1.0}}, "parameters: Laplace .*scale"),
    ],
)
def test_wrong_arguments_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        DistributionPrior(3, **options)
