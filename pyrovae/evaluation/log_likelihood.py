"""The log-likelihood by importance sampling, with its errors."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pyrovae.compilation import Compile
from pyrovae.datasets.splits import Split
from pyrovae.evaluation.draws import Sampler, observe
from pyrovae.nn.modes import evaluation_mode
from pyrovae.scope import isolated

__all__ = ["ImportanceSampling", "LogLikelihood", "log_likelihood"]


@dataclass(frozen=True)
class LogLikelihood:
    r"""Mean importance-sampled log-likelihood of a split, in nats per datum.

    Attributes:
        value: Mean over the data of :math:`\log \frac{1}{S} \sum_s w_s`. In expectation it is a
            lower bound of the log-likelihood, tighter with more samples.
        samples: Number of draws S for each datum.
        mc_se: Standard error from the S draws (delta method).
        data_se: Standard error from the data.
        ess: Median over the data of the effective sample size :math:`(\sum w)^2 / \sum w^2`.
        ess_low: Its fifth percentile.
    """

    value: float
    samples: int
    mc_se: float
    data_se: float
    ess: float
    ess_low: float


class ImportanceSampling:
    r"""Running sums of the weights of a batch: constant memory, however many draws.

    Args:
        size: Number of data B.
    """

    def __init__(self, size: int) -> None:
        # On the CPU, in double precision, which not every accelerator has.
        empty = torch.full((size,), -math.inf, dtype=torch.float64)
        self.log_sum, self.log_sum_squares = empty, empty.clone()
        self.samples = 0

    def add(self, log_weights: Tensor) -> None:
        """Takes in log-weights, ``(S, B)``."""
        log_weights = log_weights.cpu().double()
        self.log_sum = torch.logaddexp(self.log_sum, log_weights.logsumexp(0))
        self.log_sum_squares = torch.logaddexp(
            self.log_sum_squares, (2 * log_weights).logsumexp(0)
        )
        self.samples += len(log_weights)

    @property
    def log_mean(self) -> Tensor:
        """The estimate for each datum, ``(B,)``."""
        return self.log_sum - math.log(self.samples)

    @property
    def ess(self) -> Tensor:
        """The effective sample size for each datum, ``(B,)``, between 1 and S."""
        return (2 * self.log_sum - self.log_sum_squares).exp()

    @property
    def variance(self) -> Tensor:
        r"""The variance of `log_mean`, :math:`\operatorname{var}(\bar w) / \bar w^2`, ``(B,)``."""
        spread = (1 / self.ess - 1 / self.samples).clamp(min=0)
        return spread * self.samples / max(self.samples - 1, 1)


@torch.no_grad()
def log_likelihood(
    model: Any,
    split: Split,
    *,
    samples: int = 1000,
    batch_size: int = 100,
    rows: int = 8000,
    compile: Compile = "auto",
    seed: int = 0,
    device: torch.device | str = "cpu",
) -> LogLikelihood:
    """Estimates the mean log-likelihood of a split by importance sampling from the guide.

    Burda, Grosse and Salakhutdinov, 2016, https://arxiv.org/abs/1509.00519, with S = 5000.

    Args:
        model: An object with ``model`` and ``guide``.
        split: The data.
        samples: Draws S from the guide for each datum.
        batch_size: Data at a time.
        rows: Draws times data in one run of the model, which sets the memory used.
        compile: Whether to compile that run; "auto" does so where it would take a minute and more.
        seed: Seed of the draws.
        device: Where the model is.

    Raises:
        ValueError: If ``samples`` is not positive, or the program has a global latent or no
            bound at all.
    """
    device = torch.device(device)
    estimates = []
    draw = Sampler(model, samples, rows=rows, data=len(split), compile=compile)
    with isolated(device, seed), evaluation_mode(model):
        for i, batch in enumerate(split.batches(batch_size, device=device)):
            if i == 0:
                with isolated(device, seed):
                    reason = observe(model, batch).undefined
                if reason is not None:
                    raise ValueError(f"the log-likelihood is undefined: {reason}")
            estimate = ImportanceSampling(len(batch[0]))
            for draws in draw(batch):
                estimate.add(draws.log_weights)
            estimates.append(estimate)
    return summarize(estimates)


def summarize(estimates: list[ImportanceSampling]) -> LogLikelihood:
    """Puts the batches' estimates together."""
    values = torch.cat([estimate.log_mean for estimate in estimates])
    ess = torch.cat([estimate.ess for estimate in estimates])
    variance = torch.cat([estimate.variance for estimate in estimates])
    n = len(values)
    return LogLikelihood(
        value=values.mean().item(),
        samples=estimates[0].samples,
        mc_se=variance.sum().sqrt().item() / n,
        data_se=values.std(correction=min(1, n - 1)).item() / math.sqrt(n),
        ess=ess.median().item(),
        ess_low=ess.quantile(0.05).item(),
    )
