"""A guide that is wider than it was, as a proposal for importance sampling."""

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
    r"""The same model with a guide whose normals have their scales multiplied.

    Importance sampling is right with any proposal q that covers the posterior, and lies where
    it is narrower: a few draws of the tails then carry all the weight. A guide that was trained
    with a small beta, or as an autoencoder is, is too narrow; with wider scales its draws have
    weights of a bounded variance again,

    .. math:: \log p(x) \approx \log \frac{1}{S} \sum_s \frac{p(x, z_s)}{q_f(z_s \mid x)}, \quad
        q_f = N(\mu, f^2 \Sigma).

    A flow's base is widened, and so its whole density. The bound of the wider guide is not that
    of the model's own: `evaluate` with ``wider`` takes log p(x) alone from it.

    Owen, 2013, Monte Carlo theory, methods and examples, chapter 9,
    https://artowen.su.domains/mc/.

    Args:
        model: The program and its guide, which is left as it is.
        factor: By how much the scales are multiplied, such as 1.5.

    Returns:
        A program for `log_likelihood`, `score` and the like.

    Raises:
        ValueError: If the factor is not positive; when it runs, if a latent is not drawn from a
            normal or a transformed normal. The site is named.
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
    """A module, so that what it does can be compiled; all else is asked of the model."""

    def __init__(self, owner: Any, factor: float) -> None:
        super().__init__()
        if isinstance(owner, nn.Module):
            self.owner = owner
        else:
            object.__setattr__(self, "owner", owner)
        self.factor = factor

    @property
    def keeps_programs(self) -> nn.Module:
        """The module with which compiled programs are kept: the model, as this lives for a call."""
        owner: nn.Module = self.owner if isinstance(self.owner, nn.Module) else self
        return getattr(owner, "keeps_programs", owner) if owner is not self else self

    @property
    def model(self) -> Callable[..., Any]:
        """The model's own program."""
        program: Callable[..., Any] = self._of_owner("model")
        return program

    @property
    def guide(self) -> Callable[..., Any]:
        """The model's guide, wider."""
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
                    f"be made wider, got {family(fn)}"
                ) from None


def _widened(fn: Distribution, factor: float) -> Any:
    if isinstance(fn, Independent):
        base = _widened(fn.base_dist, factor)
        return dist.Independent(base, fn.reinterpreted_batch_ndims)
    if isinstance(fn, Flow):  # whose transforms keep what has no inverse
        return Flow(_widened(fn.base_dist, factor), fn.transforms)
    if isinstance(fn, TransformedDistribution):
        return dist.TransformedDistribution(_widened(fn.base_dist, factor), fn.transforms)
    if isinstance(fn, LowRankMultivariateNormal):
        # Its parameters unexpanded: the covariance is their sum.
        return dist.LowRankMultivariateNormal(
            fn.loc, factor * fn.cov_factor, factor**2 * fn.cov_diag
        )
    if isinstance(fn, MultivariateNormal):
        return dist.MultivariateNormal(fn.loc, scale_tril=factor * fn.scale_tril)
    if isinstance(fn, Normal):
        return dist.Normal(fn.loc, factor * fn.scale)
    raise NotImplementedError
