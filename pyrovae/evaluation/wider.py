"""A widened guide, as a proposal for importance sampling."""

import functools
import math
from collections.abc import Callable
from typing import Any

import pyro.distributions as dist
from pyro.poutine.messenger import Messenger
from pyro.poutine.runtime import Message
from torch import nn
from torch.distributions import (
    Distribution,
    Independent,
    LowRankMultivariateNormal,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
)

from pyrovae.distributions import Flow
from pyrovae.distributions.unwrap import family
from pyrovae.handlers import is_latent
from pyrovae.programs import Program, check_program

__all__ = ["wider"]


def wider(model: Program, factor: float) -> Program:
    r"""The same model with a guide whose normals have their scales multiplied by a factor.

    Importance sampling is correct with any proposal q that covers the posterior. If q is narrower,
    it fails: a few draws from the tails carry all the weight. A guide trained with a small beta,
    or like an autoencoder's, is too narrow. With wider scales, its weights have a bounded variance
    again,

    .. math:: \log p(x) \approx \log \frac{1}{S} \sum_s \frac{p(x, z_s)}{q_f(z_s \mid x)}, \quad
        q_f = N(\mu, f^2 \Sigma).

    For a flow, the base distribution is widened, and with it the whole density. The bound of the
    wider guide differs from that of the model's own guide: `evaluate` with ``wider`` uses the
    wider guide only for log p(x).

    Owen, 2013, Monte Carlo theory, methods and examples, chapter 9,
    https://artowen.su.domains/mc/.

    Args:
        model: The program and its guide, which is left as it is.
        factor: Factor for the scales, such as 1.5.

    Returns:
        A program for `log_likelihood`, `score` and similar functions.

    Raises:
        ValueError: If the factor is not positive. When the program runs, if a latent is not drawn
            from a normal or a transformed normal; the message names the site.
    """
    check_program(model)
    if (
        isinstance(factor, bool)
        or not isinstance(factor, int | float)
        or not 0 < factor < math.inf
    ):
        raise ValueError(f"factor: expected a positive number, got {factor!r}")
    return _Wider(model, float(factor))


class _Wider(nn.Module):
    """A module, so that its programs can be compiled; other attributes come from the model."""

    def __init__(self, owner: Any, factor: float) -> None:
        super().__init__()
        if isinstance(owner, nn.Module):
            self.owner = owner
        else:
            object.__setattr__(self, "owner", owner)
        self.factor = factor

    @property
    def keeps_programs(self) -> nn.Module:
        """The module with which compiled programs are kept: the model, which outlives this one."""
        owner: nn.Module = self.owner if isinstance(self.owner, nn.Module) else self
        return getattr(owner, "keeps_programs", owner) if owner is not self else self

    @property
    def model(self) -> Callable[..., Any]:
        """The model's own program."""
        program: Callable[..., Any] = self._of_owner("model")
        return program

    @property
    def guide(self) -> Callable[..., Any]:
        """The model's guide, widened."""
        own: Callable[..., Any] = self._of_owner("guide")

        @functools.wraps(own)
        def guide(*batch: Any) -> Any:
            with _Widen(self.factor):
                return own(*batch)

        return guide

    def _of_owner(self, name: str) -> Any:
        return getattr(self.owner, name)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            if name.startswith("__") or name == "owner":
                raise
            return self._of_owner(name)


class _Widen(Messenger):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def _pyro_sample(self, msg: Message) -> None:
        if is_latent(msg):
            fn: Any = msg["fn"]
            try:
                msg["fn"] = _widened(fn, self.factor)
            except NotImplementedError:
                raise ValueError(
                    f"site {msg['name']!r}: expected a normal or a transformed normal, which can "
                    f"be widened, got {family(fn)}"
                ) from None


def _widened(fn: Distribution, factor: float) -> Any:
    if isinstance(fn, Independent):
        base = _widened(fn.base_dist, factor)
        return dist.Independent(base, fn.reinterpreted_batch_ndims)
    if isinstance(fn, Flow):  # it keeps the transforms, which may have no inverse
        return Flow(_widened(fn.base_dist, factor), fn.transforms)
    if isinstance(fn, TransformedDistribution):
        return dist.TransformedDistribution(_widened(fn.base_dist, factor), fn.transforms)
    if isinstance(fn, LowRankMultivariateNormal):
        # From the unexpanded parameters, since the covariance is their sum.
        return dist.LowRankMultivariateNormal(
            fn.loc, factor * fn.cov_factor, factor**2 * fn.cov_diag
        )
    if isinstance(fn, MultivariateNormal):
        return dist.MultivariateNormal(fn.loc, scale_tril=factor * fn.scale_tril)
    if isinstance(fn, Normal):
        return dist.Normal(fn.loc, factor * fn.scale)
    raise NotImplementedError
