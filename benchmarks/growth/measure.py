"""One size, measured in a process of its own: ``python -m benchmarks.growth.measure JSON``."""

import json
import resource
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from benchmarks.growth.sizes import Size
from pyrovae import VAE
from pyrovae.datasets import TensorSplit
from pyrovae.evaluation import log_likelihood
from pyrovae.likelihoods import BernoulliLikelihood
from pyrovae.nn import MLP
from pyrovae.objectives import ELBO
from pyrovae.posteriors import NormalPosterior
from pyrovae.priors import NormalPrior
from pyrovae.training import CompiledSVI
from pyrovae.training.gradients import Gradients
from pyrovae.training.step import Step

__all__ = ["measure"]

Row = dict[str, float]
WARM_UP, SECONDS, MOST = 3, 4.0, 200  # steps, of measuring, and steps at most


def measure(size: Size, *, seconds: float = SECONDS) -> Row:
    """Measures a size.

    Args:
        size: The size.
        seconds: How long to take steps, eager and compiled, after those that warm up.

    Returns:
        Seconds of the median ``step`` and ``compiled`` step (with the batch drawn out of the
        shuffled data), of ``compiling``, until an epoch's first batch (``first_batch``), and for
        each datum of ``log_likelihood``; MiB that the process grew by, ``memory``, without the
        data, up to the end of the eager steps, and as the compiled ones and the estimate were
        made.
    """
    torch.manual_seed(0)
    x = torch.rand(size.data, size.features).round_()
    split = TensorSplit(x)
    vae = _vae(size)
    began = _peak()
    stream = _batches(split, size.batch)
    start = time.perf_counter()
    batch = next(stream)
    first = time.perf_counter() - start
    objective = ELBO(num_particles=size.particles)
    parameters = list(vae.parameters())
    eager = Step(
        parameters,
        Gradients(vae.model, vae.guide, objective, mean=False),
        torch.optim.Adam(parameters, lr=1e-3, fused=True),
    )
    row = {"first_batch": first, "step": _median(eager, stream, seconds)}
    row["memory"] = _peak() - began
    svi = CompiledSVI(
        vae.model, vae.guide, lambda p: torch.optim.Adam(p, lr=1e-3, fused=True), objective
    )
    start = time.perf_counter()
    svi.step(*batch)
    row["compiling"] = time.perf_counter() - start
    row["compiled"] = _median(lambda b: svi.step(*b), stream, seconds)
    scored = x[: size.scored]
    start = time.perf_counter()
    log_likelihood(vae, TensorSplit(scored), samples=10 * size.particles)
    row["log_likelihood"] = (time.perf_counter() - start) / len(scored)
    row["all_memory"] = _peak() - began
    return row


def _vae(size: Size) -> VAE:
    hidden = [100] * size.layers
    posterior = NormalPosterior(MLP(size.features, hidden, 2 * size.latents))
    likelihood = BernoulliLikelihood(MLP(size.latents, hidden, size.features))
    return VAE(NormalPrior(size.latents), posterior, likelihood)


def _batches(split: TensorSplit, size: int) -> Iterator[tuple[Tensor, ...]]:
    """Whole batches of shuffled data, without end."""
    while True:
        yield from (b for b in split.batches(size, shuffle=True) if len(b[0]) == size)


def _median(
    step: Callable[[tuple[Tensor, ...]], object],
    stream: Iterator[tuple[Tensor, ...]],
    seconds: float,
) -> float:
    for _ in range(WARM_UP):
        step(next(stream))
    times: list[float] = []
    while len(times) < 5 or (sum(times) < seconds and len(times) < MOST):
        start = time.perf_counter()
        step(next(stream))
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _peak() -> float:
    """MiB of the process at its largest."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    # The time of an eager step would pass for a compiled one's.
    warnings.filterwarnings("error", ".*continues uncompiled", UserWarning)
    torch.set_num_threads(int(sys.argv[2]))
    print(json.dumps(measure(Size(**json.loads(sys.argv[1])))))
