"""Warnings about unreliable numbers in a report, and refusal of impossible ones."""

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
#: An event with a probability of at most exp(-20), 2e-9, is taken as an error and not as chance.
SURE = 20.0
#: The rounding error of sums of float32 log-probabilities, in nats per datum.
ROUNDING = 0.01
#: A latent with a lower KL divergence, in nats per datum, carries almost no information about the
#: data: the divergence bounds their mutual information.
COLLAPSED_KL = 0.1
SMALL_ESS = 10
#: The share of data with a heavy tail that cannot be explained by the noise of its estimate.
HEAVY = 0.25
#: The gain from doubling the draws, in nats per datum, that shows that there were too few.
GROWTH = 0.05
FEW = 10


def check_numbers(
    found: Estimates, latents: Sequence[str], observed: Sequence[str], *, what: str = "data"
) -> None:
    """Refuses estimates that are NaN or plus infinity.

    Args:
        found: The estimates.
        latents: The names of the latents, in the order of ``found.kls``; empty if the bound is
            undefined, so that only the reconstruction counts.
        observed: The names of the data's sites.
        what: The name of the data, for a message.

    Raises:
        ValueError: If a term of the bound is NaN or plus infinity. The message names the site and
            the share of the data concerned.
    """
    # The latents first, since the data's site depends on them. Minus infinity is allowed.
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
    """Refuses a log-likelihood that is NaN or plus infinity, as a far too wide guide gives.

    Args:
        likelihood: The log-likelihood; minus infinity is allowed.
        wider: The factor by which the guide was widened.

    Raises:
        ValueError: If the log-likelihood is NaN or plus infinity.
    """
    if math.isnan(likelihood.value) or likelihood.value == math.inf:
        raise ValueError(
            f"wider: expected a factor for which log p(x) is finite, got {wider:g}, for which it "
            f"is {likelihood.value}"
        )


def infinite(found: Estimates) -> list[str]:
    """Warns if the bound of some data, and with it the mean, is minus infinity."""
    share = 100 * (found.bound == -math.inf).double().mean().item()
    if share == 0:
        return []
    what = f"the bound is minus infinity for {share:.3g} % of the data, and so are all means"
    return [f"{what}: these data, or draws from the posterior, have probability 0"]


def impossible(
    found: Estimates, latents: Sequence[str], samples: int, *, is_mass: bool
) -> str | None:
    r"""Reports a bound that no densities can have, beyond rounding and chance.

    For densities p and q over the same latents, :math:`E_q[p(z) / q(z \mid x)] \le 1`. By Markov's
    inequality, the mean of the draws' ratios exceeds :math:`e^t` with probability at most
    :math:`e^{-t}`. By Chernoff's inequality, the sum of :math:`\log q - \log p` over all draws
    falls below :math:`-t` with at most the same probability. Likewise, if p(x) is a probability
    mass of discrete data and so at most one, the data's :math:`\log \frac{1}{S} \sum_s w_s` sum to
    more than t with at most that probability.

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
    """Warns of each latent that has collapsed: its posterior is the prior for all data.

    This is decided by the KL divergence and not by whether the means are equal: a posterior may be
    far from the prior although its means vary little on the scale of the latent. A single datum
    shows nothing.
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
                f"{max(kl, 0.0):.3f} nats per datum, so it carries almost no information about the "
                "data; a warm-up of beta, a weaker decoder or a learned scale of the likelihood may help"
            )
    return warnings


def tail_of_weights(likelihood: LogLikelihood) -> list[str]:
    """Warns if the draws' weights are too uneven to estimate log p(x), by three signs."""
    signs: list[str] = []
    if likelihood.samples < FEW:  # a user who draws so few wants only the bound
        return signs
    # With few draws even equal weights give a small number, which is no reason for distrust.
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
