"""Bounds of log p(x) by annealed importance sampling, from below and from both sides."""

from collections.abc import Callable
from typing import Any

from pyro import poutine
from torch import Tensor

from pyrovae.compilation import Compile
from pyrovae.datasets import Source
from pyrovae.evaluation.annealing.chains import Annealing, Found
from pyrovae.evaluation.annealing.results import AnnealedBound, Sandwich
from pyrovae.evaluation.annealing.simulated import simulate
from pyrovae.handlers import is_data, is_latent
from pyrovae.programs import Program

__all__ = ["annealed_log_likelihood", "bidirectional"]


def annealed_log_likelihood(
    model: Program,
    data: Source,
    *,
    chains: int = 16,
    temperatures: int = 1000,
    leapfrog_steps: int = 10,
    rows: int = 8000,
    compile: Compile = "auto",
    seed: int = 0,
) -> AnnealedBound:
    r"""Bounds log p(x) from below by annealed importance sampling, without the guide.

    Chains start at draws from the prior and pass through
    :math:`\pi_t(z) \propto p(z) \, p(x \mid z)^{\beta_t}`, :math:`0 = \beta_0 < \dots <
    \beta_T = 1`, by one transition of Hamiltonian Monte Carlo each;

    .. math:: \log \hat p(x) = \log \frac{1}{C} \sum_{c=1}^{C} w_c, \qquad
        \log w = \sum_{t=1}^{T} (\beta_t - \beta_{t-1}) \log p(x \mid z_{t-1}).

    Since :math:`E[w] = p(x)` for any number of temperatures, the expected value is a lower bound,
    which gets tighter with T. The guide is not used: if importance sampling from the guide gives
    less, the guide misses a part of the posterior. Step sizes are found by other chains on a short
    path, for an acceptance rate of 0.65, and are then kept.

    Neal, 2001, Annealed importance sampling, https://arxiv.org/abs/physics/9803008; Wu et al.,
    2017, On the quantitative analysis of decoder-based generative models,
    https://arxiv.org/abs/1611.04273 (for VAEs: 16 chains, 10,000 temperatures).

    Args:
        model: The program, whose latents are continuous. Its guide is not used.
        data: A split, a tensor or array, a ``Dataset``, a ``DataLoader``.
        chains: Number of chains C for each datum.
        temperatures: Number of steps T of the path.
        leapfrog_steps: Number of leapfrog steps in a transition, each with one gradient.
        rows: Number of chains times data processed at once, which determines the memory used.
        compile: Whether to compile the gradients; "auto" does so if it would take more than a
            minute.
        seed: Seed of the draws.

    Returns:
        The bound of each datum. The model and the random state are left unchanged.

    Raises:
        ValueError: If a number is not positive; if the data's shape or values do not fit; if a
            latent is discrete, has a flat prior or a support with no map from a real space, or is
            shared by all data; if a site is scaled (pyro.poutine.scale); or if log p(x|z) is NaN.
    """
    run = Annealing(model, chains=chains, temperatures=temperatures, leapfrog_steps=leapfrog_steps)
    lower = Found(run)
    with run.batches(data, rows=rows, compile=compile, seed=seed) as batches:
        for batch in batches:
            lower.add(*run.of(batch).forward())
    return lower.bound()


def bidirectional(
    model: Program,
    data: Source,
    *,
    chains: int = 16,
    temperatures: int = 1000,
    leapfrog_steps: int = 10,
    rows: int = 8000,
    compile: Compile = "auto",
    seed: int = 0,
) -> Sandwich:
    r"""Bounds log p(x) from both sides, for data simulated from the model.

    The latents from which a datum was generated are an exact draw from its posterior. Chains that
    start there go along the path of `annealed_log_likelihood` in reverse, to the prior, and
    :math:`E[1 / w] = 1 / p(x)` gives the upper bound :math:`-\log \frac{1}{C} \sum_c 1 / w_c`. The
    distance between the two bounds shows how accurately the chains follow the path; for real data
    that resemble the simulated ones, the lower bound is about as tight.

    Grosse, Ghahramani and Adams, 2015, Sandwiching the marginal likelihood using bidirectional
    Monte Carlo, https://arxiv.org/abs/1511.02543.

    Args:
        model: The program, whose latents are continuous. Its guide is not used.
        data: Data that determine the number of simulated data, the other inputs of the model
            (labels, masks), and the totals of counts that are scored given their total. Their
            values are not used otherwise.
        chains: Number of chains C for each datum and direction.
        temperatures: Number of steps T of the path.
        leapfrog_steps: Number of leapfrog steps in a transition, each with one gradient.
        rows: Number of chains times data processed at once, which determines the memory used.
        compile: Whether to compile the gradients; "auto" does so if it would take more than a
            minute.
        seed: Seed of the draws.

    Returns:
        Both bounds of each datum. The model and the random state are left unchanged.

    Raises:
        ValueError: As for `annealed_log_likelihood`, and if counts are scored given totals that
            the model cannot draw.
    """
    run = Annealing(
        model,
        chains=chains,
        temperatures=temperatures,
        leapfrog_steps=leapfrog_steps,
        directions=2,
    )
    lower, upper = Found(run), Found(run, sign=-1)
    with run.batches(data, rows=rows, compile=compile, seed=seed) as batches:
        for batch in batches:
            made = simulate(model.model, batch)
            values = {name: site["value"] for name, site in made.items() if is_data(site)}
            program = _with_data(model.model, len(batch), list(values))
            chain = run.of((*batch, *values.values()), program, observed=list(values))
            lower.add(*chain.forward())
            upper.add(
                *chain.backward(
                    {
                        name: site["value"]
                        for name, site in made.items()
                        if is_latent(site) and name not in values
                    }
                )
            )
    return Sandwich(lower.bound(), upper.bound())


def _with_data(model: Callable[..., Any], taken: int, names: list[str]) -> Callable[..., Any]:
    """The model with its data sites observed at values appended to the tensors of a batch."""

    def program(*inputs: Tensor) -> Any:
        values = dict(zip(names, inputs[taken:], strict=True))
        return poutine.condition(poutine.uncondition(model), values)(*inputs[:taken])

    return program
