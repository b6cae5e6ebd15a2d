"""The gap between the bound and the log-likelihood, and which part is due to the network."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import NamedTuple

import torch
from torch import Tensor

from pyrovae.datasets import Source
from pyrovae.evaluation.draws import Sampler
from pyrovae.evaluation.errors import data_se, mean_mc_se, words
from pyrovae.evaluation.log_likelihood import LogLikelihood, of_weights
from pyrovae.evaluation.passes import one_pass
from pyrovae.evaluation.reading import read_for
from pyrovae.evaluation.refined import local_guide, normal_site, refined_posterior
from pyrovae.evaluation.support import check_support
from pyrovae.programs import Program, device_of
from pyrovae.scope import isolated

__all__ = ["InferenceGap", "Mean", "inference_gap"]


class Mean(NamedTuple):
    """A mean over the data, in nats per datum, with its errors.

    Attributes:
        value: The mean.
        mc_se: Standard error from the draws. None for one draw.
        data_se: Standard error from the data. None for one datum.
    """

    value: float
    mc_se: float | None
    data_se: float | None

    @classmethod
    def of(cls, draws: Tensor) -> "Mean":
        """Computes the mean of S draws for each of N data, ``(S, N)``."""
        samples, values = len(draws), draws.mean(0)
        return cls(
            value=values.mean().item(),
            mc_se=None if samples == 1 else mean_mc_se(draws.var(0) / samples),
            data_se=data_se(values),
        )

    def __str__(self) -> str:
        return f"{self.value:10.3f}  (mc_se {words(self.mc_se)}, data_se {words(self.data_se)})"


@dataclass(frozen=True)
class InferenceGap:
    r"""The result of `inference_gap`, in nats per datum.

    Attributes:
        data: Number of data.
        elbo: The bound with the guide as it is, L[q].
        refined_elbo: The bound with the best diagonal normal of each datum, L[q*].
        log_likelihood: Importance-sampled log p(x), with draws from q*.
        amortisation: L[q*] - L[q]: the loss from using one network for all data.
        approximation: log p(x) - L[q*]: the loss that no diagonal normal can avoid. With a
            `TwoStagePrior` it includes the gap of the second stage.
        total: Their sum, log p(x) - L[q].
    """

    data: int
    elbo: Mean
    refined_elbo: Mean
    log_likelihood: LogLikelihood
    amortisation: Mean
    approximation: Mean
    total: Mean

    def __str__(self) -> str:
        ll = self.log_likelihood
        ess = f"{ll.ess:.1f} (median; 5 % of the data below {ll.ess_low:.1f})"
        return "\n".join(
            [
                f"{self.data} data, S = {ll.samples}; nats per datum",
                f"  ELBO               {self.elbo}",
                f"  refined ELBO       {self.refined_elbo}",
                f"  log p(x)           {Mean(ll.value, ll.mc_se, ll.data_se)}",
                f"  amortisation gap   {self.amortisation}",
                f"  approximation gap  {self.approximation}",
                f"  effective sample size {ess}",
            ]
        )


def inference_gap(
    model: Program,
    data: Source,
    *,
    samples: int = 1000,
    steps: int = 500,
    num_particles: int = 10,
    batch_size: int = 100,
    rows: int = 8000,
    seed: int = 0,
) -> InferenceGap:
    r"""Splits the gap between the bound and the log-likelihood by its two causes.

    .. math:: \log p(x) - L[q] = \underbrace{\log p(x) - L[q^*]}_{\text{approximation}}
        + \underbrace{L[q^*] - L[q]}_{\text{amortisation}}

    with :math:`q^*` the best diagonal normal of each datum (`refined_posterior`). A large first
    part calls for another family of posteriors, a large second part for a better encoder. If the
    prior's density is itself only bounded (`TwoStagePrior`), both bounds fall short by the gap of
    that bound, which is thus part of the approximation gap. Both bounds use the same random
    numbers, so the error of their difference is smaller than their own errors. If the optimisation
    misses the optimum, the remaining distance is counted in the first part instead of the second.
    A :math:`q^*` that is much narrower than the posterior gives few effective samples, and log p(x)
    is then biased low.

    Cremer, Li and Duvenaud, 2018, Inference suboptimality in variational autoencoders,
    https://arxiv.org/abs/1801.03558.

    Args:
        model: The program and its guide, whose one latent has a diagonal normal posterior.
        data: A split, a tensor or array, a ``Dataset``, a ``DataLoader``.
        samples: Number of draws S for each datum, from either posterior.
        steps: Number of steps by which each datum's posterior is refined.
        num_particles: Number of draws for each datum in one such step.
        batch_size: Number of data processed at a time.
        rows: Number of draws times data in one run of the model, which determines the memory used.
        seed: Seed of the draws.

    Returns:
        The bounds, the log-likelihood and the two gaps. The model and the random state are left
        unchanged.

    Raises:
        ValueError: If a number is not positive; if the data's shape or values do not fit; if there
            is not exactly one latent, within the data's plate; if its posterior is not a diagonal
            normal; or if a site is scaled (pyro.poutine.scale). The message names the site.
    """
    split = read_for(model, data)
    device = device_of(model)
    amortised: list[Tensor] = []
    refined: list[Tensor] = []
    with one_pass(
        model, split, samples=samples, batch_size=batch_size, rows=rows, seed=seed, device=device
    ) as views:
        check_support(model, split, device)
        for view in views:
            views.first.check_weights()
            views.first.check_alike()
            best = refined_posterior(
                model, *view.batch, steps=steps, num_particles=num_particles, seed=_new_seed()
            )
            guide = local_guide(normal_site(model.guide, view.batch), best)
            local = SimpleNamespace(model=model.model, guide=guide)
            common = _new_seed()
            for program, found in ((model, amortised), (local, refined)):
                with isolated(device, common):
                    draws = list(Sampler(program, samples, rows=rows)(view.batch))
                found.append(torch.cat([d.log_weights for d in draws]).cpu().double())
    q, best_q = torch.cat(amortised, dim=1), torch.cat(refined, dim=1)
    # Values whose mean is log p(x), and whose spread is that of the delta method.
    likelihood = of_weights(best_q)
    weight = (best_q - likelihood.value).exp() - 1 + likelihood.value
    return InferenceGap(
        data=q.shape[1],
        elbo=Mean.of(q),
        refined_elbo=Mean.of(best_q),
        log_likelihood=likelihood.mean(),
        amortisation=Mean.of(best_q - q),
        approximation=Mean.of(weight - best_q),
        total=Mean.of(weight - q),
    )


def _new_seed() -> int:
    return int(torch.randint(2**31, ()))
