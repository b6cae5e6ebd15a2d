"""The KL of a latent in its parts: what it says of the data, and how far it is from the prior."""

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

#: How near, in nats, mutual information comes to log N where N data are too few to show it.
NEAR = 1.0


@dataclass(frozen=True)
class KLDecomposition:
    r"""What `kl_decomposition` found, in nats per datum.

    ``kl`` is ``mutual_information`` plus ``marginal_kl``, and that is ``total_correlation`` plus
    ``dimension_wise_kl``.

    Attributes:
        data: Number N of data, over which the aggregated posterior is.
        drawn: How many of them the draws are from.
        samples: Draws of each of these.
        kl: Mean KL of the posterior from the prior.
        mutual_information: :math:`I(x; z)` between a latent and which of the N data it is of, so
            that log N is the most that it can be.
        marginal_kl: :math:`KL(q(z) \Vert p(z))` of the aggregated posterior from the prior. Where
            it is large, samples from the prior lie where no datum does.
        total_correlation: :math:`KL(q(z) \Vert \prod_d q(z_d))`: by how much the latent's
            variables depend on each other. None where the marginals are not known.
        dimension_wise_kl: :math:`E_{q(z)}[\sum_d \log q(z_d) - \log p(z)]`, under a prior of
            independent variables :math:`\sum_d KL(q(z_d) \Vert p(z_d))`. None likewise.
        warnings: What to distrust, in sentences.
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
    r"""Splits the KL of a latent into mutual information, total correlation and what remains.

    .. math:: \frac{1}{N} \sum_n KL\left(q(z \mid x_n) \Vert p(z)\right)
        = \underbrace{E\left[\log \frac{q(z \mid x)}{q(z)}\right]}_{I(x; z)}
        + \underbrace{E\left[\log \frac{q(z)}{\prod_d q(z_d)}\right]}_{TC}
        + \underbrace{E\left[\log \frac{\prod_d q(z_d)}{p(z)}\right]}_{\text{dimension-wise KL}}

    with :math:`q(z) = \frac{1}{N} \sum_n q(z \mid x_n)` over all N data: no batch stands in for
    them. The last two terms together are the marginal KL, :math:`KL(q(z) \Vert p(z))`. Expectations
    are means over draws; their errors are from the draws and from the data, without the bias
    that a finite N has: mutual information in particular is that of a latent with N data, at most
    log N, and that with the population is higher.

    Hoffman and Johnson, 2016, ELBO surgery,
    http://approximateinference.org/accepted/HoffmanJohnson2016.pdf; Chen, Li, Grosse and
    Duvenaud, 2018, Isolating sources of disentanglement in VAEs,
    https://arxiv.org/abs/1802.04942.

    Args:
        model: The program and its guide, with one latent and a prior that is the same for all data.
        data: A split, a tensor or array, a ``Dataset``, a ``DataLoader``; at least two data.
        samples: Draws from the posterior of each datum that is drawn from.
        drawn: How many of the data are drawn from, evenly spaced: time is in proportion to them
            and to N.
        batch_size: Data at a time.
        seed: Seed of the draws.

    Returns:
        The parts. Nothing of the model and no random state is changed.

    Raises:
        ValueError: If a number is not positive, the data's shape or values do not fit, there is
            not one latent within the data's plate, the bound is undefined, the prior is another
            for each datum or its density only estimated, or the posterior has no density at the draws of other data.
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
    """The latent's sites in model and guide, of which the first batch's are looked at."""
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
            f"site {site['name']!r}: expected a prior that is the same for all data, which the "
            "aggregated posterior is compared with, got one that depends on the datum"
        )


def _saturated(information: float, data: int) -> list[str]:
    most = math.log(data)
    if information < most - NEAR:
        return []
    near = f"the mutual information is near log N = {most:.2f}, the most that {data} data can show"
    return [
        f"{near}: with more data it would be higher, and marginal KL and total correlation lower"
    ]
