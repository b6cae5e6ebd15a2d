"""A fixed distribution of Pyro's as prior."""

import copy
import inspect
from collections.abc import Mapping
from typing import Any

import pyro.distributions as dist
import torch
from torch.distributions import Distribution

from pyrovae.distributions import (
    ContinuousBernoulli,
    Normal,
    Poisson,
    StretchedBeta,
    StudentT,
)
from pyrovae.latents import latent_kind
from pyrovae.nn.network import Shape, as_size
from pyrovae.priors.base import Prior
from pyrovae.scope import kept_random_state

__all__ = ["DistributionPrior"]

# Families that are scored here as over all their parameters' range.
RIGHT = {cls.__name__: cls for cls in (ContinuousBernoulli, Normal, Poisson, StudentT)}
RIGHT["Beta"] = StretchedBeta
# By how much the density of a draw may be off in single precision, and how many are looked at.
ERROR, DRAWS = 1e-3, 64

# What a family's location and scale are where they are not given.
STANDARD = {"loc": 0.0, "scale": 1.0}


class DistributionPrior(Prior):
    r"""Any distribution of Pyro's, fixed: the same for each latent variable, independently.

    .. math:: p(z) = \prod_{i} p(z_i; \theta)

    ``DistributionPrior(20, family="Laplace")``;
    ``DistributionPrior(20, family="StudentT", parameters={"df": 3.0})``; on a command line
    ``--prior DistributionPrior --prior.family StudentT --prior.parameters '{"df": 3.0}'``.
    A family of vectors, such as ``"Dirichlet"``, takes a vector of equal parameters and is a
    prior of one of these. Heavy-tailed and sparse priors: Barello, Charles and Pillow, 2018,
    Sparse-coding variational auto-encoders, https://doi.org/10.1101/399246.

    Args:
        latent_features: Number of latent variables; or the shape of a latent, such as a map
            (channels, height, width), of a family of numbers.
        family: Name of a class in ``pyro.distributions``.
        parameters: Its arguments, numbers; ``loc`` and ``scale`` are 0 and 1 if left out.

    Raises:
        ValueError: If there is no such class, an argument is missing, unknown or outside its
            range, or draws are of another shape; or if the density of
            a draw in single precision is off by more than 0.001 nats, as that of a Dirichlet
            with parameters of 1e6.
    """

    def __init__(
        self,
        latent_features: Shape,
        *,
        family: str = "Laplace",
        parameters: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__()
        shape = as_size(latent_features, "latent_features")
        self.family: Any = RIGHT.get(family) or getattr(dist, family, None)
        if not (isinstance(self.family, type) and issubclass(self.family, Distribution)):
            raise ValueError(
                f"family: expected the name of a class in pyro.distributions, got {family!r}"
            )
        values = dict(parameters or {})
        for name, parameter in inspect.signature(self.family).parameters.items():
            if name in STANDARD and parameter.default is parameter.empty:
                values.setdefault(name, STANDARD[name])
        self.names = list(values)
        for name, value in values.items():
            self.register_buffer(f"value_of_{name}", torch.full(shape, float(value)))
        try:
            made = self._make(validate_args=True)
        except (TypeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ValueError(
                f"parameters: {family} cannot be made of {values}: {reason}"
            ) from None
        if made.batch_shape or made.event_shape != shape:
            raise ValueError(
                f"family: expected a distribution of numbers or of vectors, but {family} has "
                f"draws of shape {tuple(made.batch_shape + made.event_shape)}"
            )
        _check_precision(self, family, values)
        self.latent_shape = shape
        self.latent_kind = latent_kind(made)

    def forward(self) -> Distribution:
        """Returns the distribution, with event shape ``latent_shape``."""
        return self._make()

    def _make(self, **options: Any) -> Any:
        values = {name: getattr(self, f"value_of_{name}") for name in self.names}
        made = self.family(**values, **options)
        return made if made.event_shape else made.to_event(len(made.batch_shape))


def _check_precision(prior: DistributionPrior, family: str, values: Mapping[str, float]) -> None:
    """Refuses a family that single precision cannot score with these parameters.

    Raises:
        ValueError: If the densities of draws are off by more than rounding.
    """
    with kept_random_state(), torch.no_grad():
        torch.manual_seed(0)
        single = prior._make(validate_args=False)
        z = single.sample((DRAWS,))
        exact = copy.deepcopy(prior).double()._make(validate_args=False)
        try:
            found, expected = single.log_prob(z).double(), exact.log_prob(z.double())
        except NotImplementedError:
            return
    error = (found - expected).abs()
    if not (error <= ERROR + 1e-5 * expected.abs()).all():
        raise ValueError(
            f"parameters: the density of {family} with {dict(values)} is off by "
            f"{error.max().item():.3g} nats in single precision; take less extreme ones"
        )
