"""What to distrust in a report, and numbers that cannot be."""

import math
from collections.abc import Sequence

from pyrovae.evaluation.errors import data_se
from pyrovae.evaluation.estimates import Estimates
from pyrovae.evaluation.log_likelihood import LogLikelihood
from pyrovae.evaluation.pareto import TRUSTED_K

__all__ = [
    "IMPOSSIBLE",
    "check_likelihood",
    "check_numbers",
    "collapsed",
    "impossible",
    "infinite",
    "tail_of_weights",
]

IMPOSSIBLE = "IMPOSSIBLE BOUND"
#: What has a probability of at most exp(-20), 2e-9, is taken for a fault and not for chance.
SURE = 20.0
#: What sums of float32 log-probabilities are off by, in nats per datum.
ROUNDING = 0.01
#: A KL divergence, in nats per datum, below which a latent says next to nothing of the data: the
#: divergence bounds their mutual information.
COLLAPSED_KL = 0.1
SMALL_ESS = 10
#: Share of the data with a heavy tail that is more than the noise of its estimate.
HEAVY = 0.25
#: Nats per datum that half of the draws may have been short of.
GROWTH = 0.05
FEW = 10


def check_numbers(
    found: Estimates, latents: Sequence[str], observed: Sequence[str], *, what: str = "data"
) -> None:
    """Refuses estimates that are no numbers.

    Args:
        found: The estimates.
        latents: The names of the latents, in the order of ``found.kls``; none where the bound is
            undefined, so that only the reconstruction counts.
        observed: The names of the data's sites.
        what: What the data are called.

    Raises:
        ValueError: If a term of the bound is NaN, or infinitely high. The site is named, and for
            which share of the data it is so.
    """
    # The latents first: the data's site reads them. Minus infinity is a number, if a bad one.
    columns = [
        (name, "log p - log q", -kl) for name, kl in zip(latents, found.kls.T, strict=False)
    ]
    columns.append(("', '".join(observed), "log p(x|z)", found.reconstruction))
    for name, term, values in columns:
        for kind, odd in (("NaN", values.isnan()), ("infinite", values == math.inf)):
            if odd.any():
                share = 100 * odd.double().mean().item()
                raise ValueError(
                    f"site '{name}': {term} is {kind} for {share:.3g} % of the {what}"
                )


def check_likelihood(likelihood: LogLikelihood, *, wider: float | None) -> None:
    """Refuses a log-likelihood that is no number, as a guide of an absurd width has it.

    Args:
        likelihood: The log-likelihood, of which minus infinity is a number.
        wider: By how much the guide was widened.

    Raises:
        ValueError: If it is NaN, or infinitely high.
    """
    if math.isnan(likelihood.value) or likelihood.value == math.inf:
        raise ValueError(
            f"wider: expected a factor with which log p(x) is a number, got {wider:g}, with which "
            f"it is {likelihood.value}"
        )


def infinite(found: Estimates) -> list[str]:
    """Says whether the bound of some data is minus infinity, and with it the mean."""
    share = 100 * (found.bound == -math.inf).double().mean().item()
    if share == 0:
        return []
    what = f"the bound is minus infinity for {share:.3g} % of the data, and so are all means"
    return [f"{what}: these data, or draws from the posterior, have probability 0"]


def impossible(
    found: Estimates, latents: Sequence[str], samples: int, *, is_mass: bool
) -> str | None:
    r"""Says whether a bound is one that no densities have, beyond rounding and chance.

    Of densities p and q over the same latents :math:`E_q[p(z) / q(z \mid x)] \le 1`. By Markov's
    inequality the mean of the draws' ratios exceeds :math:`e^t` with a probability of at most
    :math:`e^{-t}`, and by Chernoff's the sum of :math:`\log q - \log p` over all draws falls below
    :math:`-t` with no higher one. Likewise the data's :math:`\log \frac{1}{S} \sum_s w_s` sum to
    more than t with at most that probability if p(x) is the mass of discrete data, at most one.

    Args:
        found: The estimates of data whose bound is defined.
        latents: The names of the latents, in the order of ``found.kls``.
        samples: Number of draws S for each datum.
        is_mass: Whether the likelihood is a probability mass at all data.

    Returns:
        What is wrong, in a sentence that begins in capitals, or None.
    """
    n = len(found.bound)
    kls = found.kls.mean(0)
    kl = kls.sum().item()
    log_ratio = found.log_ratio.logsumexp(0).item() - math.log(n)
    if n * samples * (-kl - ROUNDING) > SURE or log_ratio > SURE + ROUNDING:
        site = latents[int(kls.argmin())]
        return (
            f"{IMPOSSIBLE}: log q - log p of the latents is {kl:.3f} on average, and the mean of "
            f"p(z) / q(z|x) is exp({log_ratio:.1f}), where no densities have a KL divergence below "
            f"0 or a mean ratio above 1; the density of site {site!r} (the lowest) is wrong, and "
            "with it ELBO and log p(x)"
        )
    evidence = found.log_evidence.mean().item()
    errors = found.variance.nan_to_num(nan=math.inf, posinf=math.inf).sum().sqrt().item() / n
    too_high = n * (evidence - ROUNDING) > SURE or evidence > ROUNDING + 5 * errors
    highest = found.reconstruction.max().item()
    if is_mass and (too_high or highest > ROUNDING):
        return (
            f"{IMPOSSIBLE}: log p(x) of discrete data is {evidence:.3f} on average and log p(x|z) "
            f"{highest:.3f} at most, where the probability of data has a logarithm of at most 0; "
            "a density is wrong, and with it ELBO and log p(x)"
        )
    return None


def collapsed(found: Estimates, latents: Sequence[str]) -> list[str]:
    """Says of each latent whose posterior is the prior for all data that it has collapsed.

    The KL divergence decides, and not whether the means are the same: a posterior may be far from
    the prior with means that vary little in the latent's own scale. One datum shows nothing.
    """
    warnings = []
    for name, values in zip(latents, found.kls.T, strict=True):
        error = data_se(values)
        if error is None:
            continue
        kl = values.mean().item()
        if abs(kl) + 2 * error < COLLAPSED_KL:
            warnings.append(
                f"the posterior of {name!r} has collapsed: its KL divergence from the prior is "
                f"{max(kl, 0.0):.3f} nats per datum, so that it says next to nothing of the data; a warm-up "
                "of beta or a weaker decoder may help"
            )
    return warnings


def tail_of_weights(likelihood: LogLikelihood) -> list[str]:
    """Says whether the draws' weights cannot carry log p(x), by three signs of it."""
    signs: list[str] = []
    if likelihood.samples < FEW:  # who takes so few takes the bound for what it is
        return signs
    # Of few draws even equal weights make a small number, and no reason to distrust it.
    if likelihood.ess < min(SMALL_ESS, likelihood.samples / 2):
        few = f"{likelihood.ess:.1f} of {likelihood.samples} draws"
        signs.append(f"half of the data have an effective sample size below {few}")
    if likelihood.heavy is not None and likelihood.heavy > HEAVY:
        signs.append(
            f"the weights of {100 * likelihood.heavy:.0f} % of the data have too heavy a tail for "
            f"a mean (Pareto k above {TRUSTED_K})"
        )
    if likelihood.growth is not None and likelihood.growth > GROWTH:
        signs.append(
            f"the value rose by {likelihood.growth:.2f} nats from {likelihood.samples // 2} draws "
            f"to {likelihood.samples}"
        )
    if not signs:
        return []
    advice = "take more samples, a wider proposal, or annealing, which does not need the guide"
    return [f"{', '.join(signs)}: log p(x) is biased low and its mc_se too small; {advice}"]
