"""The evidence lower bound with closed-form Kullback-Leibler terms."""

from pyro.poutine import Trace
from torch import Tensor

from pyrovae.objectives.base import Objective
from pyrovae.objectives.terms import elbo_terms, sum_of_terms

__all__ = ["AnalyticKLELBO"]


class AnalyticKLELBO(Objective):
    r"""The evidence lower bound with its KL term in closed form where one is known.

    .. math:: \frac{1}{K} \sum_{k=1}^{K} \log p(x \mid z_k)
        - KL\left(q(z \mid x) \,\Vert\, p(z)\right)

    If PyTorch knows no closed form for the two distributions of a latent site, the site's KL term
    is estimated from draws as in `ELBO`. It is also estimated if the prior of the site depends on
    a latent that the guide draws later (in a hierarchical model with a bottom-up guide), because
    the KL divergence at the drawn value is then not the expectation that the bound contains.

    Kingma and Welling, 2014, Auto-encoding variational Bayes, https://arxiv.org/abs/1312.6114
    (the second estimator, equation 7).

    Args:
        num_particles: Number of draws :math:`K` for each datum.
        max_plate_nesting: Depth of nested plates in model and guide.
    """

    def bound_and_surrogate(self, model_trace: Trace, guide_trace: Trace) -> tuple[Tensor, Tensor]:
        """The bound and its surrogate, summed over the batch and averaged over particles."""
        terms = elbo_terms(model_trace, guide_trace, analytic=True)
        bound, surrogate = sum_of_terms(terms, guide_trace)
        return bound / self.num_particles, surrogate / self.num_particles
