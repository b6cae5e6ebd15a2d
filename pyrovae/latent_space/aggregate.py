"""Whether the latents of all data together are distributed like the prior."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from pyro import poutine
from torch import Tensor
from torch.distributions import (
    Distribution,
    LowRankMultivariateNormal,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
)

from pyrovae.distributions.unwrap import unwrapped
from pyrovae.handlers import is_latent
from pyrovae.latent_space.codes import AT_ONCE, Codes, check_batch, one_latent
from pyrovae.latents import latent_kind
from pyrovae.nn.modes import evaluation_mode
from pyrovae.scope import isolated, without_validation

__all__ = [
    "aggregated_posterior",
    "distance_from_uniform",
    "prior_distribution_function",
    "prior_draws",
    "probability_integral",
]

PRIOR_DRAWS = 10_000
PROBED = 16  # data whose priors are compared
ROWS = 100  # values at once: under a mixture, each is compared with all components


def aggregated_posterior(model: Any, x: Tensor) -> Codes:
    r"""Draws from the aggregated posterior, one for each datum.

    .. math:: q(z) = \frac{1}{N} \sum_{n=1}^{N} q(z \mid x_n)

    Where it differs from p(z), samples from the prior decode to things that the decoder was not
    trained on, or there are data that no sample resembles. The term is from Makhzani et al., 2016,
    Adversarial autoencoders, https://arxiv.org/abs/1511.05644.

    Args:
        model: An object with ``guide``. The draws come from torch's global random state.
        x: The data, ``(n, *data_shape)``.

    Returns:
        The draws, ``(n, *latent_shape)``; a dict of such tensors by site if there are several
        latents.

    Raises:
        ValueError: If ``x`` is not a batch.
    """
    check_batch("x", x)
    return _joined(_values(model, model.guide, part) for part in x.split(AT_ONCE))


def probability_integral(model: Any, x: Tensor, *, site: str | None = None) -> Tensor:
    r"""Draws from the aggregated posterior, mapped by the prior's distribution functions.

    .. math:: u_i = F_i(z_i), \qquad z \sim q(z), \qquad F_i(t) = p(z_i \le t)

    Each :math:`u_i` is uniform on [0, 1] exactly if the aggregated posterior has the prior's
    marginals. The u are uniform on the cube if the two distributions agree and the prior's
    features are independent. F is exact for priors whose features are independent and have a
    distribution function, for normals, and for mixtures of these. For any other prior (a flow, a
    sphere, a latent that depends on others) it is the empirical distribution function of 10,000
    draws. Kingma and Welling, 2014, https://arxiv.org/abs/1312.6114, use the inverse map to draw a
    latent plane (their appendix A).

    Args:
        model: An object with ``model`` and ``guide``, which take ``x``. The draws come from
            torch's global random state.
        x: The data, ``(n, *data_shape)``.
        site: Which latent, for a model with several.

    Returns:
        The mapped draws, ``(n, features)``, with the latent flattened.

    Raises:
        ValueError: If ``x`` is not a batch, ``site`` is missing or not a latent of the model, or
            the latent is discrete.
    """
    z = one_latent(aggregated_posterior(model, x), site).flatten(1)
    if latent_kind(_prior(model, x[:1], site)["fn"]) in ("discrete", "code"):
        raise ValueError(
            f"site {site or 'z'!r}: a discrete latent has no map to the uniform distribution"
        )
    return prior_distribution_function(model, x, site=site)(z)


def distance_from_uniform(u: Tensor) -> Tensor:
    r"""The Kolmogorov-Smirnov distance of each feature from the uniform distribution on [0, 1].

    .. math:: \sup_t \lvert F_n(t) - t \rvert

    For n uniform values it is about :math:`0.9 / \sqrt n`, and above :math:`1.36 / \sqrt n` once
    in twenty times.

    Args:
        u: Values in [0, 1], ``(n, features)``.

    Returns:
        A number from 0 to 1 for each feature, ``(features,)``.
    """
    n = len(u)
    ordered = u.sort(dim=0).values
    after = torch.arange(1, n + 1).to(ordered).unsqueeze(1) / n
    return torch.maximum(after - ordered, ordered - (after - 1 / n)).amax(0)


def prior_draws(model: Any, x: Tensor, n: int) -> Codes:
    """Draws the latents from the prior.

    Args:
        model: An object with ``model``, which takes ``x``. The draws come from torch's global
            random state.
        x: Data, ``(m, *data_shape)``. The program is run on some of them, and draws everything.
        n: Number of draws.

    Returns:
        The draws, ``(n, *latent_shape)``; a dict of such tensors by site if there are several
        latents.
    """
    check_batch("x", x)
    program = poutine.uncondition(model.model)
    parts = torch.randint(len(x), (n,)).split(AT_ONCE)
    return _joined(_values(model, program, x[index]) for index in parts)


def prior_distribution_function(
    model: Any, x: Tensor, *, site: str | None = None
) -> Callable[[Tensor], Tensor]:
    """The distribution function of each feature of a latent under the prior.

    Args:
        model: An object with ``model``, which takes ``x``.
        x: Data, ``(n, *data_shape)``, as in `prior_draws`.
        site: Which latent, for a model with several.

    Returns:
        A function from ``(m, features)`` to ``(m, features)``; see `probability_integral`.

    Raises:
        ValueError: If ``x`` is not a batch, or ``site`` is missing or not a latent of the model.
    """
    check_batch("x", x)
    several = _prior(model, x[torch.arange(PROBED) % len(x)], site)
    shape = several["value"].shape[1:]
    prior = _prior(model, x[:1], site)["fn"]
    try:
        probe = _marginals(several["fn"], several["value"][:1].expand_as(several["value"]))
    except NotImplementedError:
        pass
    else:
        # A prior that is the same for all data is the complete distribution of the latent.
        if bool((probe == probe[:1]).all()):
            return lambda z: torch.cat(
                [_marginals(prior, part.unflatten(1, shape)).flatten(1) for part in z.split(ROWS)]
            )
    ordered = one_latent(prior_draws(model, x, PRIOR_DRAWS), site).flatten(1).T
    ordered = ordered.sort(dim=1).values.contiguous()
    return lambda z: _share_below(ordered, z)


@torch.no_grad()
def _marginals(fn: Distribution, value: Tensor) -> Tensor:
    """The distribution function of each single feature.

    Raises:
        NotImplementedError: If it has no closed form.
    """
    fn = unwrapped(fn)
    events = len(fn.event_shape)
    if isinstance(fn, MixtureSameFamily):
        each = _marginals(fn.component_distribution, value.unsqueeze(-1 - events))
        weights = fn.mixture_distribution.probs
        return (weights[(..., *[None] * events)] * each).sum(-1 - events)
    if isinstance(fn, MultivariateNormal | LowRankMultivariateNormal):
        fn = Normal(fn.mean, fn.stddev)
    if fn.event_shape:
        raise NotImplementedError
    return fn.cdf(value)


def _share_below(ordered: Tensor, z: Tensor) -> Tensor:
    """The empirical distribution function, given sorted values ``(features, draws)``."""
    values = z.T.to(ordered).contiguous()
    return (torch.searchsorted(ordered, values, right=True) / ordered.shape[1]).T


def _prior(model: Any, x: Tensor, site: str | None) -> Any:
    """A latent's site in the model's own program."""
    found = _latents(model, poutine.uncondition(model.model), x)
    if len(found) == 1 and site in (None, "z", *found):
        return next(iter(found.values()))
    if site not in found:
        raise ValueError(f"site: expected one of {sorted(found)}, got {site!r}")
    return found[site]


def _values(model: Any, program: Callable[..., Any], x: Tensor) -> dict[str, Tensor]:
    return {name: site["value"] for name, site in _latents(model, program, x).items()}


@torch.no_grad()
def _latents(model: Any, program: Callable[..., Any], x: Tensor) -> dict[str, Any]:
    """Runs a program and returns the sites of its latents, without side effects."""
    x = x.to(getattr(model, "device", x.device))
    # Without validation, since distribution functions are also evaluated outside the support.
    with isolated(x.device), evaluation_mode(model), without_validation():
        trace = poutine.trace(program).get_trace(x)
    return {
        name: site
        for name, site in trace.nodes.items()
        if is_latent(site) and not site["infer"].get("was_observed")
    }


def _joined(parts: Iterable[dict[str, Tensor]]) -> Codes:
    """Joins batches of values by site into one batch, a single tensor if there is one site."""
    listed = list(parts)
    joined = {name: torch.cat([part[name] for part in listed]) for name in listed[0]}
    return next(iter(joined.values())) if len(joined) == 1 else joined
