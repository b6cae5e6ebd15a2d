"""Any fixed Pyro distribution as a prior."""

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

# Versions of these families that are accurate over the full range of their parameters.
RIGHT = {cls.__name__: cls for cls in (ContinuousBernoulli, Normal, Poisson, StudentT)}
RIGHT["Beta"] = StretchedBeta
# Largest error, in nats, of a draw's log-density in single precision; number of draws to check.
ERROR, DRAWS = 1e-3, 64

# Default location and scale of a family.
STANDARD = {"loc": 0.0, "scale": 1.0}


class DistributionPrior(Prior):
    r"""A fixed Pyro distribution, independent and identical for each latent variable.

    .. math:: p(z) = \prod_{i} p(z_i; \theta)

    Examples: ``DistributionPrior(20, family="Laplace")``;
    ``DistributionPrior(20, family="StudentT", parameters={"df": 3.0})``; on a command line
    ``--prior DistributionPrior --prior.family StudentT --prior.parameters '{"df": 3.0}'``.
    For a multivariate family such as ``"Dirichlet"``, each parameter is a vector of equal numbers
    and the prior is a single distribution over the whole vector. On heavy-tailed and sparse
    priors: Barello, Charles and Pillow, 2018, Sparse-coding variational auto-encoders,
    https://doi.org/10.1101/399246.

    Args:
        latent_features: Number of latent variables; or, for a univariate family, the shape of a
            latent, such as a map (channels, height, width).
        family: Name of a class in ``pyro.distributions``.
        parameters: Arguments of that class, as numbers; ``loc`` and ``scale`` default to 0 and 1.

    Raises:
        ValueError: If there is no such class; if an argument is missing, unknown or out of range;
            if draws have another shape; or if the log-density of a draw in single precision is off
            by more than 0.001 nats plus 1e-5 of its size, as for a Dirichlet with parameters of
            1e6.
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
                f"parameters: {family} cannot be constructed with {values}: {reason}"
            ) from None
        if made.batch_shape or made.event_shape != shape:
            raise ValueError(
                f"family: expected a distribution of scalars or vectors, but draws of {family} "
                f"have shape {tuple(made.batch_shape + made.event_shape)}"
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
    """Rejects parameters with which single precision cannot evaluate the family's density.

    Raises:
        ValueError: If the densities of draws are off by more than rounding explains.
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
            f"{error.max().item():.3g} nats in single precision; use less extreme parameters"
        )
