"""The best diagonal normal posterior of each datum, found by optimising it for that datum."""

from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from pyro import poutine
from torch import Tensor
from torch.distributions import Normal

from pyrovae.distributions.unwrap import family, unblocked
from pyrovae.handlers import data_weight, is_latent
from pyrovae.nn.modes import evaluation_mode
from pyrovae.objectives import StickingTheLandingELBO
from pyrovae.objectives.terms import data_frame
from pyrovae.programs import Program
from pyrovae.scope import isolated, without_validation

__all__ = ["local_guide", "normal_site", "refined_posterior"]

LEARNING_RATE = 0.1  # in units of the amortised posterior's scale


def refined_posterior(
    model: Program, *batch: Tensor, steps: int = 500, num_particles: int = 10, seed: int = 0
) -> Any:
    r"""The diagonal normal that maximises the ELBO of each datum, starting from the guide's.

    .. math:: q^*(z) = \operatorname{argmax}_{q = N(\mu, \operatorname{diag}(\sigma^2))}
        E_q[\log p(x, z) - \log q(z)]

    A guide shares its network among all data. Here each datum has its own mean and scales, found
    by stochastic variational inference while the model stays fixed: Adam, in units of the guide's
    own scales, followed by the mean over the second half of the steps (Polyak and Juditsky, 1992,
    https://doi.org/10.1137/0330046), which averages out most of the noise.

    Hoffman et al., 2013, Stochastic variational inference, https://arxiv.org/abs/1206.7051; Kim
    et al., 2018, Semi-amortized variational autoencoders, https://arxiv.org/abs/1802.02550.

    Args:
        model: The program and its guide, whose one latent has a diagonal normal posterior.
        *batch: The arguments of both: ``x``, ``(n, *data_shape)``, first.
        steps: Number of steps.
        num_particles: Number of draws for each datum in one step.
        seed: Seed of the draws.

    Returns:
        q*(z), with ``batch_shape (n,)``. The model and the random state are left unchanged.

    Raises:
        ValueError: If a number is not positive, if there is not exactly one latent, within the
            data's plate, or if its posterior is not a diagonal normal. The message names the site.
    """
    for name, value in (("steps", steps), ("num_particles", num_particles)):
        if value < 1:
            raise ValueError(f"{name}: expected at least 1, got {value}")
    n = len(batch[0])
    # Each datum is repeated, with one particle each: several particles could change the bound.
    # This gradient has little noise near the optimum, and its noise limits the accuracy.
    objective = StickingTheLandingELBO()
    batch = tuple(_repeat(value, num_particles) for value in batch)
    with isolated(batch[0].device, seed), evaluation_mode(model), without_validation():
        with torch.no_grad():
            site = normal_site(model.guide, batch)
        loc, scale = site["fn"].mean[:n], site["fn"].stddev[:n]
        events = len(site["fn"].event_shape)
        shift = torch.zeros_like(loc, requires_grad=True)
        log_ratio = torch.zeros_like(loc, requires_grad=True)

        def normal(shift: Tensor, log_ratio: Tensor, times: int = 1) -> Any:
            moments = (loc + scale * shift, scale * log_ratio.exp())
            return dist.Normal(*(_repeat(m, times) for m in moments)).to_event(events)

        optimizer = torch.optim.Adam([shift, log_ratio], lr=LEARNING_RATE)
        last_half = range(steps // 2, steps)
        mean_shift, mean_log_ratio = torch.zeros_like(loc), torch.zeros_like(loc)
        with torch.enable_grad():
            for step in range(steps):
                guide = local_guide(site, normal(shift, log_ratio, num_particles))
                loss = objective.differentiable_loss(model.model, guide, *batch)
                # Only for these two: the gradients of the model belong to the caller.
                shift.grad, log_ratio.grad = torch.autograd.grad(loss, [shift, log_ratio])
                optimizer.step()
                if step in last_half:
                    mean_shift += shift.detach() / len(last_half)
                    mean_log_ratio += log_ratio.detach() / len(last_half)
        return normal(mean_shift, mean_log_ratio)


def _repeat(value: Tensor, times: int) -> Tensor:
    return value.repeat(times, *[1] * (value.dim() - 1))


def local_guide(site: Any, distribution: Any) -> Callable[..., None]:
    """Makes a guide with a separate distribution for each datum of one batch.

    Args:
        site: The latent's site in a trace of the model's own guide.
        distribution: The distribution of the latent, with the data as its batch.
    """
    frame, _ = data_frame(site, nesting=1)

    def guide(*batch: Any) -> None:
        with pyro.plate(frame.name, frame.size, dim=frame.dim):
            pyro.sample(site["name"], distribution)

    return guide


def normal_site(guide: Callable[..., Any], batch: tuple[Tensor, ...]) -> Any:
    """The site of a guide's one latent, which must be a diagonal normal."""
    trace = poutine.trace(guide).get_trace(*batch)
    sites = [site for site in trace.nodes.values() if is_latent(site)]
    if len(sites) != 1:
        names = [site["name"] for site in sites]
        raise ValueError(f"expected a guide with one latent, got the latents {names}")
    (site,) = sites
    fn: Any = unblocked(site["fn"])
    if not isinstance(fn, Normal):
        raise ValueError(
            f"site {site['name']!r}: expected a diagonal normal posterior, got {family(fn)}"
        )
    data_frame(site, nesting=1)
    if data_weight(site) is not None:
        raise ValueError("expected data without weights: pass the model that `Weighted` wraps")
    return site
