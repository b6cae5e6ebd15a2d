"""The parts of a latent's KL: information about the data, and distance from the prior."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pyrovae.checks import check_count
from pyrovae.datasets import Source
from pyrovae.evaluation.aggregate import AggregatedPosterior
from pyrovae.evaluation.densities import check_density
from pyrovae.evaluation.gaps import Mean
from pyrovae.evaluation.passes import one_pass
from pyrovae.evaluation.reading import read_for
from pyrovae.objectives.aggregate import only_latent
from pyrovae.programs import Program, check_program

__all__ = ["KLDecomposition", "kl_decomposition"]

#: If the mutual information is within so many nats of log N, N data are too few to estimate it.
NEAR = 1.0


@dataclass(frozen=True)
class KLDecomposition:
    r"""The result of `kl_decomposition`, in nats per datum.

    ``kl`` is ``mutual_information`` plus ``marginal_kl``, and ``marginal_kl`` is
    ``total_correlation`` plus ``dimension_wise_kl``.

    Attributes:
        data: Number N of data, over which the posterior is aggregated.
        drawn: Number of data whose posteriors are drawn from.
        samples: Number of draws from each of these posteriors.
        kl: Mean KL divergence of the posterior from the prior.
        mutual_information: :math:`I(x; z)` between a latent and the index of its datum among the N
            data, and therefore at most log N.
        marginal_kl: :math:`KL(q(z) \Vert p(z))` of the aggregated posterior from the prior. If it
            is large, samples from the prior lie where no datum does.
        total_correlation: :math:`KL(q(z) \Vert \prod_d q(z_d))`, the dependence between the
            latent's variables. None if the marginals are not known.
        dimension_wise_kl: :math:`E_{q(z)}[\sum_d \log q(z_d) - \log p(z)]`. If the prior has
            independent variables, this is :math:`\sum_d KL(q(z_d) \Vert p(z_d))`. None if the
            marginals are not known.
        warnings: Reasons to distrust the numbers, in sentences.
    """

    data: int
    drawn: int
    samples: int
    kl: Mean
    mutual_information: Mean
    marginal_kl: Mean
    total_correlation: Mean | None
    dimension_wise_kl: Mean | None
    warnings: list[str]

    def __str__(self) -> str:
        parts = {
            "KL": self.kl,
            "mutual information": self.mutual_information,
            "marginal KL": self.marginal_kl,
            "total correlation": self.total_correlation,
            "dimension-wise KL": self.dimension_wise_kl,
        }
        lines = [f"{self.data} data, {self.samples} draws of {self.drawn} of them; nats per datum"]
        lines += [f"  {k:<19}{' undefined' if v is None else v}" for k, v in parts.items()]
        return "\n".join([*lines, *(f"  warning: {warning}" for warning in self.warnings)])


def kl_decomposition(
    model: Program,
    data: Source,
    *,
    samples: int = 2,
    drawn: int = 1000,
    batch_size: int = 500,
    seed: int = 0,
) -> KLDecomposition:
    r"""Splits the KL of a latent into mutual information, total correlation and a remainder.

    .. math:: \frac{1}{N} \sum_n KL\left(q(z \mid x_n) \Vert p(z)\right)
        = \underbrace{E\left[\log \frac{q(z \mid x)}{q(z)}\right]}_{I(x; z)}
        + \underbrace{E\left[\log \frac{q(z)}{\prod_d q(z_d)}\right]}_{TC}
        + \underbrace{E\left[\log \frac{\prod_d q(z_d)}{p(z)}\right]}_{\text{dimension-wise KL}}

    with :math:`q(z) = \frac{1}{N} \sum_n q(z \mid x_n)` over all N data, not over a batch. The
    last two terms together are the marginal KL, :math:`KL(q(z) \Vert p(z))`. Expectations are
    means over draws; their errors are from the draws and from the data. The errors do not include
    the bias of a finite N. In particular, the mutual information is that between a latent and N
    data, at most log N, and that for the population is higher.

    Hoffman and Johnson, 2016, ELBO surgery,
    http://approximateinference.org/accepted/HoffmanJohnson2016.pdf; Chen, Li, Grosse and
    Duvenaud, 2018, Isolating sources of disentanglement in VAEs,
    https://arxiv.org/abs/1802.04942.

    Args:
        model: The program and its guide, with one latent and a prior that is the same for all
            data.
        data: A split, a tensor or array, a ``Dataset``, a ``DataLoader``; at least two data.
        samples: Number of draws from the posterior of each datum that is drawn from.
        drawn: Number of data that are drawn from, evenly spaced. The run time is proportional to
            this number and to N.
        batch_size: Number of data processed at a time.
        seed: Seed of the draws.

    Returns:
        The parts. The model and the random state are left unchanged.

    Raises:
        ValueError: If a number is not positive; if the data's shape or values do not fit; if there
            is not exactly one latent, within the data's plate; if the bound is undefined; if the
            prior differs between data or its density is only estimated; or if a posterior has no
            density at the draws of other data.
    """
    check_program(model)
    check_count("samples", samples)
    check_count("drawn", drawn)
    split = read_for(model, data)
    n = len(split)
    chosen = torch.linspace(0, n - 1, min(drawn, n), dtype=torch.float64).round().long()
    sites: list[Any] = []
    draws, conditional, prior = [], [], []
    seen = 0
    with one_pass(model, split, batch_size=batch_size, seed=seed) as views:
        for view in views:
            view.look.check_alike()
            p, q = _sites(view.look, first=not sites)
            size = len(q["value"])
            here = chosen[(chosen >= seen) & (chosen < seen + size)] - seen
            if len(here):
                z = q["fn"].sample((samples,))
                conditional.append(q["fn"].log_prob(z)[:, here])
                prior.append(p["fn"].log_prob(z)[:, here])
                draws.append(z[:, here])
            sites.append(q)
            seen += size
        z = torch.cat(draws, dim=1)
        joint, product = AggregatedPosterior(sites).log_prob(z.flatten(0, 1))
    given = torch.cat(conditional, dim=1).double().cpu()
    under_prior = torch.cat(prior, dim=1).double().cpu()
    joint = joint.view(given.shape).cpu()
    information = Mean.of(given - joint)
    tc = rest = None
    if product is not None:
        product = product.view(given.shape).cpu()
        tc, rest = Mean.of(joint - product), Mean.of(product - under_prior)
    return KLDecomposition(
        data=seen,
        drawn=given.shape[1],
        samples=samples,
        kl=Mean.of(given - under_prior),
        mutual_information=information,
        marginal_kl=Mean.of(joint - under_prior),
        total_correlation=tc,
        dimension_wise_kl=rest,
        warnings=_saturated(information.value, seen),
    )


def _sites(look: Any, *, first: bool) -> tuple[Any, Any]:
    """The latent's sites in model and guide, which are checked in the first batch."""
    if look.undefined is not None:
        raise ValueError(f"kl_decomposition: {look.undefined}")
    if first:
        p, q, _ = only_latent(look.model_trace, look.guide_trace, num_particles=1, nesting=1)
        _check_prior(p)
        return p, q
    (name,) = look.latents
    return look.model_trace.nodes[name], look.guide_trace.nodes[name]


def _check_prior(site: Any) -> None:
    check_density(site, "kl_decomposition")
    value = site["value"]
    probe: Tensor = site["fn"].log_prob(value[:1].expand_as(value))
    if not torch.allclose(probe, probe[:1].expand_as(probe), rtol=1e-4, atol=1e-4):
        raise ValueError(
            f"site {site['name']!r}: expected the same prior for all data, to compare the "
            "aggregate posterior with, got one that depends on the datum"
        )


def _saturated(information: float, data: int) -> list[str]:
    most = math.log(data)
    if information < most - NEAR:
        return []
    near = f"the mutual information is near log N = {most:.2f}, the most that {data} data can show"
    return [
        f"{near}: with more data it would be higher, and marginal KL and total correlation lower"
    ]
