"""The evidence lower bound with closed-form Kullback-Leibler terms."""

from collections.abc import Iterator

from pyro.distributions.util import scale_and_mask
from pyro.poutine import Trace
from torch import Tensor
from torch.distributions import kl_divergence

from pyrovae.handlers import is_latent
from pyrovae.objectives.base import Objective
from pyrovae.objectives.terms import Term, site_terms, sum_of_terms

__all__ = ["AnalyticKLELBO"]


class AnalyticKLELBO(Objective):
    r"""The evidence lower bound with its KL term in closed form where one is registered.

    .. math:: \frac{1}{K} \sum_{k=1}^{K} \log p(x \mid z_k)
        - KL\left(q(z \mid x) \,\Vert\, p(z)\right)

    Where PyTorch knows no closed form for a latent site's pair of distributions, that site's
    term is estimated as in `ELBO`. The same holds for a site whose prior depends on a latent that
    the guide draws later (a bottom-up guide of a hierarchical model): its KL term is not the
    expectation that the bound contains.

    Kingma and Welling, 2014, Auto-encoding variational Bayes, https://arxiv.org/abs/1312.6114
    (the second estimator, equation 7).

    Args:
        num_particles: Number of draws :math:`K` for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.
    """

    def bound_and_surrogate(self, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
        """The bound and its surrogate, summed over the batch and averaged over particles."""
        bound, surrogate = sum_of_terms(self._terms(model_trace, guide_trace), guide_trace)
        return bound / self.num_particles, surrogate / self.num_particles

    @staticmethod
    def _terms(model_trace: Trace, guide_trace: Trace) -> Iterator[Term]:
        drawn_before: set[str] = set()
        analytic: set[str] = set()
        order = [name for name, site in guide_trace.nodes.items() if is_latent(site)]
        for name, site in model_trace.nodes.items():
            if site["type"] != "sample":
                continue
            if is_latent(site) and name in order:
                guide_site = guide_trace.nodes[name]
                later = set(order[order.index(name) :])
                if not drawn_before & later:
                    kl = _kl(guide_site["fn"], site["fn"])
                    if kl is not None:
                        kl = -scale_and_mask(kl, guide_site["scale"], guide_site["mask"])
                        yield Term(guide_site["cond_indep_stack"], kl, kl)
                        analytic.add(name)
                drawn_before.add(name)
            if name not in analytic:
                yield from site_terms(site, 1)
        for name, site in guide_trace.nodes.items():
            if site["type"] == "sample" and name not in analytic:
                yield from site_terms(site, -1)


def _kl(q: object, p: object) -> Tensor | None:
    try:
        return kl_divergence(q, p)  # type: ignore[arg-type]
    except NotImplementedError:
        return None
